// Which instructions expand variables, and what can be checked only then.
#include "dockerfile/expand.hpp"
#include "dockerfile/instruction.hpp"
#include "dockerfile/words.hpp"

#include <charconv>
#include <csignal>

namespace gantry::dockerfile {

namespace {

using namespace detail;

constexpr std::size_t total_limit = 16U << 20;              // bytes of all words of an instruction
constexpr std::size_t port_limit = std::size_t{3} * 65536;  // every port of every protocol

bool to_port(std::string_view text, unsigned& port) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failure == std::errc() && end == text.data() + text.size() && port <= 65535;
}

struct Range {
    unsigned first = 0;
    unsigned last = 0;
};

std::optional<Range> to_range(std::string_view text) {
    Range range;
    const std::size_t dash = text.find('-');
    if (!to_port(text.substr(0, dash), range.first)) return std::nullopt;
    range.last = range.first;
    if (dash != std::string_view::npos && (!to_port(text.substr(dash + 1), range.last) || range.last < range.first))
        return std::nullopt;
    return range;
}

struct Ports {
    Range range;
    std::string protocol;
};

Result<Ports> read_ports(std::string_view word) {
    const auto bad = [&](std::string_view why) { return error(Errc::invalid, "invalid port '{}': {}", shown(word), why); };
    // "[ADDRESS:][HOST_PORT:]PORT[/PROTOCOL]": what is in front is legal (lint warns of it) and means nothing.
    const std::size_t colon = word.rfind(':');
    std::string_view port = word.substr(colon == std::string_view::npos ? 0 : colon + 1);
    const std::size_t slash = port.find('/');
    std::string protocol = slash == std::string_view::npos ? "" : lower(port.substr(slash + 1));
    if (protocol.empty()) protocol = "tcp";
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return bad("the protocol is tcp, udp or sctp");
    port = port.substr(0, slash);
    if (port.empty()) return bad("no port specified");
    const auto range = to_range(port);
    if (!range) return bad("it is a number up to 65535 or a range like 8000-8010");
    return Ports{*range, std::move(protocol)};
}

Result<std::vector<std::string>> write_out(const std::vector<std::string>& words) {
    std::vector<std::string> texts;
    for (const std::string& word : words) {
        const Ports ports = TRY(read_ports(word));
        if (texts.size() + ports.range.last - ports.range.first >= port_limit)
            return error(Errc::invalid, "invalid port '{}': too many ports", shown(word));
        for (unsigned number = ports.range.first; number <= ports.range.last; ++number)
            texts.push_back(fmt::format("{}/{}", number, ports.protocol));
    }
    return texts;
}

class Expansion {
public:
    Expansion(const Lookup& lookup, char escape) : lookup_(lookup), escape_(escape) {}

    Result<> word(std::string& text) {
        text = TRY(expand_word(text, lookup_, escape_));
        total_ += text.size();
        if (total_ > total_limit) return error(Errc::invalid, "more than {} bytes after expansion", total_limit);
        // What it goes into ends at a zero byte: paths, environment, image configuration.
        if (text.find('\0') != std::string::npos) return error(Errc::invalid, "a zero byte after expansion");
        return {};
    }
    Result<> words(std::vector<std::string>& texts) {
        for (std::string& text : texts) TRY(word(text));
        return {};
    }
    Result<> pairs(std::vector<KeyValue>& values) {
        for (KeyValue& pair : values) {
            TRY(word(pair.key));
            TRY(word(pair.value));
            if (pair.key.empty()) return error(Errc::invalid, "a name is empty after expansion");
        }
        return {};
    }

    Result<> operator()(From& from) {
        TRY(word(from.image));
        return word(from.platform);
    }
    Result<> operator()(Run& run) {
        for (RunMount& mount : run.mounts) {
            const auto expand = [&](std::string_view text) { return expand_word(text, lookup_, escape_); };
            mount = TRY_CONTEXT(parse_mount(mount.text, expand), "--mount");
        }
        return {};
    }
    Result<> operator()(Copy& copy) { return paths(copy); }
    Result<> operator()(Add& add) {
        TRY(paths(add));
        TRY(word(add.checksum));
        return check_checksum(add.checksum);
    }
    Result<> operator()(Env& env) {
        TRY(pairs(env.values));
        const auto bad = [](const KeyValue& pair) { return pair.key.find('=') != std::string::npos; };
        if (std::ranges::any_of(env.values, bad)) return error(Errc::invalid, "a name of ENV has a '=' after expansion");
        return {};
    }
    Result<> operator()(Label& label) { return pairs(label.values); }
    Result<> operator()(Expose& expose) {
        std::vector<std::string> ports;
        for (const std::string& text : expose.ports)
            for (std::string& word : TRY(expand_words(text, lookup_, escape_))) ports.push_back(std::move(word));
        expose.ports = TRY(write_out(ports));
        return {};
    }
    Result<> operator()(Volume& volume) {
        TRY(words(volume.paths));
        if (std::ranges::any_of(volume.paths, &std::string::empty))
            return error(Errc::invalid, "a path of VOLUME must not be empty");
        return {};
    }
    Result<> operator()(User& user) { return word(user.user); }
    Result<> operator()(Workdir& workdir) { return word(workdir.path); }
    Result<> operator()(StopSignal& stop) {
        TRY(word(stop.signal));
        return check_signal(stop.signal);
    }
    template <class T>
    Result<> operator()(T& /*what*/) {
        return {};
    }

private:
    Result<> paths(Copy& copy) {
        TRY(words(copy.sources));
        TRY(word(copy.destination));
        TRY(word(copy.chown));
        TRY(word(copy.chmod));
        TRY(words(copy.exclude));
        for (Heredoc& document : copy.heredocs)
            if (document.expand) document.content = TRY(expand_document(document.content, lookup_));
        return check_copy(copy);
    }

    const Lookup& lookup_;
    char escape_;
    std::size_t total_ = 0;
};

}  // namespace

namespace detail {

Result<> check_ports(const std::vector<std::string>& words) {
    for (const std::string& word : words) TRY(read_ports(word));
    return {};
}

Result<> check_signal(std::string_view text) {
    const auto bad = [&] { return error(Errc::invalid, "invalid signal '{}'", shown(text)); };
    int number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure == std::errc() && end == text.data() + text.size()) {
        if (number < 1 || number > SIGRTMAX) return bad();
        return {};
    }
    std::string name = upper(text);
    if (name.starts_with("SIG")) name.erase(0, 3);
    for (int candidate = 1; candidate < 32; ++candidate)
        if (const char* known = sigabbrev_np(candidate); known && name == known) return {};
    for (const char* known : {"IOT", "CLD", "POLL", "RTMIN", "RTMAX"})
        if (name == known) return {};
    // "RTMIN+3", "RTMAX-2": 34 to 64, as moby's signal names have them.
    if (!name.starts_with("RTMIN+") && !name.starts_with("RTMAX-")) return bad();
    const char* digits = name.c_str() + 6;
    const auto [stop, trouble] = std::from_chars(digits, name.c_str() + name.size(), number);
    if (trouble != std::errc() || *stop != '\0' || *digits == '-' || number > 30) return bad();
    return {};
}

}  // namespace detail

Result<Instruction> expanded(const Instruction& instruction, const Lookup& lookup, char escape) {
    Instruction copy = instruction;
    TRY(std::visit(Expansion(lookup, escape), copy.what));
    return copy;
}

}  // namespace gantry::dockerfile
