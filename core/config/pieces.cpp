// The small texts of a definition: ports, devices, limits, mounts. Shared with the command line's flags.
#include "base/units.hpp"
#include "base/text.hpp"
#include "config/reader.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <csignal>
#include <limits>

namespace gantry::config {

namespace {

std::string_view shown(std::string_view text) { return text.substr(0, 80); }

template <class T>
bool to_number(std::string_view text, T& out, int base = 10) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return failure == std::errc() && end == text.data() + text.size() && !text.empty() && text.front() != '-';
}

bool to_switch(std::string_view text, bool& out) {
    out = text == "true";
    return out || text == "false";
}

bool port_range(std::string_view text, std::uint16_t& first, std::uint16_t& last) {
    const std::size_t dash = text.find('-');
    if (!to_number(text.substr(0, dash), first) || first == 0) return false;
    last = first;
    return dash == std::string_view::npos || (to_number(text.substr(dash + 1), last) && last >= first);
}

// docker's long form, "published=8080,target=80,protocol=tcp", with the host's address ("host_ip", compose's name of it) and
// what a [[ports]] table can say besides: brought into the short one, and that read.
Result<Port> parse_long_port(std::string_view text) {
    const auto bad = [&](std::string_view why) { return error(Errc::invalid, "port '{}': {}", shown(text), why); };
    std::string published, target, protocol = "tcp", address;
    std::optional<bool> bypass_firewall;
    bool socket = false;
    for (const std::string_view part : split(text, ',')) {
        const std::size_t equals = part.find('=');
        const std::string key(part.substr(0, equals)), value(equals == part.npos ? "true" : part.substr(equals + 1));
        bool on = false;
        if (key == "published") {
            published = value;
        } else if (key == "target") {
            target = value;
        } else if (key == "protocol") {
            protocol = value;
        } else if (key == "host_ip") {
            address = value.find(':') == value.npos ? value : "[" + value + "]";
        } else if (key == "bypass_firewall" || key == "socket") {
            if (!to_switch(value, on)) return bad(key + " is true or false");
            if (key == "socket")
                socket = on;
            else
                bypass_firewall = on;
        } else if (key != "mode") {  // of a swarm: nothing to choose here
            return bad(fmt::format("'{}' is none of published, target, protocol, host_ip, bypass_firewall, socket", key));
        }
    }
    if (target.empty()) return bad("the container's port is missing (target=PORT)");
    std::string plain = address.empty() ? "" : address + ":";
    if (!published.empty() || !address.empty()) plain += published + ":";
    Port port = TRY(parse_port(plain + target + "/" + protocol));
    port.bypass_firewall = bypass_firewall;
    port.socket = socket;
    return port;
}

}  // namespace

bool is_address(const std::string& text, int family) {
    unsigned char address[sizeof(in6_addr)];
    return ((family == 0 || family == AF_INET) && inet_pton(AF_INET, text.c_str(), address) == 1) ||
           ((family == 0 || family == AF_INET6) && inet_pton(AF_INET6, text.c_str(), address) == 1);
}

Result<Port> parse_port(std::string_view text) {
    const auto bad = [&](std::string_view why) { return error(Errc::invalid, "port '{}': {}", shown(text), why); };
    if (text.find('=') != text.npos) return parse_long_port(text);
    Port port;
    std::string_view rest = text;
    if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
        port.protocol = rest.substr(slash + 1);
        rest = rest.substr(0, slash);
        if (port.protocol != "tcp" && port.protocol != "udp" && port.protocol != "sctp")
            return bad("the protocol must be tcp, udp or sctp");
    }
    // [HOST_ADDRESS:][HOST_PORT:]CONTAINER_PORT, from the right, because an IPv6 address has colons of its own.
    std::string_view inside = rest, outside;
    if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
        inside = rest.substr(colon + 1);
        outside = rest.substr(0, colon);
    }
    if (!port_range(inside, port.container_port, port.container_port_end))
        return bad("the container's port must be a number from 1 to 65535 or a range like 8000-8010");
    std::string_view host = outside, address;
    if (const std::size_t colon = outside.rfind(':'); colon != std::string_view::npos) {
        host = outside.substr(colon + 1);
        address = outside.substr(0, colon);
        if (address.size() > 2 && address.front() == '[' && address.back() == ']')
            address = address.substr(1, address.size() - 2);
        else if (address.find(':') != std::string_view::npos)
            return bad("an IPv6 address must be written in brackets");
        port.host_address = address;
        if (!is_address(port.host_address, 0)) return bad("the host's address is not an IP address");
    } else if (outside.starts_with('[')) {
        return bad("the host's port is missing after the address");
    }
    if (host.empty() || host == "0") return port;
    if (!port_range(host, port.host_port, port.host_port_end))
        return bad("the host's port must be a number from 1 to 65535 or a range like 8000-8010");
    if (port.host_port_end - port.host_port != port.container_port_end - port.container_port)
        return bad("the ranges of host and container must be of the same length");
    return port;
}

std::string port_text(const Port& port) {
    std::string text;
    const auto range = [](std::uint16_t first, std::uint16_t last) {
        return last > first ? fmt::format("{}-{}", first, last) : std::to_string(first);
    };
    if (!port.host_address.empty())
        text = port.host_address.find(':') != std::string::npos ? "[" + port.host_address + "]:" : port.host_address + ":";
    if (port.host_port != 0) text += range(port.host_port, port.host_port_end);
    if (port.host_port != 0 || !port.host_address.empty()) text += ":";
    return text + range(port.container_port, port.container_port_end) + "/" + port.protocol;
}

Result<std::uint32_t> parse_service_weight(std::string_view text) {
    const auto weight = whole_number(text);
    if (!weight || *weight > most_service_weight)
        return error(Errc::invalid, "'{}' is not a weight from 0 to {}", shown(text), most_service_weight);
    return static_cast<std::uint32_t>(*weight);
}

Result<std::uint64_t> parse_rate(std::string_view text) {
    const auto bad = [&] {
        return error(Errc::invalid, "rate '{}' must be a number with bit, kbit, mbit or gbit, as in 100mbit", shown(text));
    };
    const std::size_t end = text.find_first_not_of("0123456789");
    std::uint64_t number = 0, factor = 0;
    if (!to_number(text.substr(0, end), number) || end == text.npos) return bad();
    // tc(8), PARAMETERS: bits a second, in powers of 1000.
    for (const auto& [unit, value] :
         {std::pair("bit", 1U), std::pair("kbit", 1'000U), std::pair("mbit", 1'000'000U), std::pair("gbit", 1'000'000'000U)})
        if (text.substr(end) == unit) factor = value;
    constexpr std::uint64_t least = 8000, most = 1'000'000'000'000;  // a packet takes more than a second; a terabit
    if (factor == 0 || number > most / factor) return bad();
    if (number * factor < least) return error(Errc::invalid, "rate '{}' is less than 8kbit", shown(text));
    return number * factor;
}

std::string rate_text(std::uint64_t rate) {
    for (const auto& [unit, value] :
         {std::pair("gbit", 1'000'000'000U), std::pair("mbit", 1'000'000U), std::pair("kbit", 1'000U)})
        if (rate % value == 0) return fmt::format("{}{}", rate / value, unit);
    return fmt::format("{}bit", rate);
}

Result<Device> parse_device(std::string_view text) {
    const auto parts = split(text, ':');
    const auto is_permissions = [](std::string_view part) {
        return !part.empty() && part.size() <= 3 && part.find_first_not_of("rwm") == std::string_view::npos;
    };
    Device device;
    device.host = parts[0];
    device.container = device.host;
    // "HOST:rwm" is allowed, a container path is absolute.
    if (parts.size() == 2 && is_permissions(parts[1]))
        device.permissions = parts[1];
    else if (parts.size() >= 2)
        device.container = parts[1];
    if (parts.size() == 3) device.permissions = parts[2];
    if (parts.size() > 3)
        return error(Errc::invalid, "device '{}' has too many parts, expected HOST[:CONTAINER[:rwm]]", shown(text));
    if (!is_permissions(device.permissions))
        return error(Errc::invalid, "device '{}': permissions must be letters of 'rwm'", shown(text));
    // systemd's DeviceAllow=, which enforces it, takes device nodes below /dev only.
    if (!device.host.starts_with("/dev/") || device.host.find("/../") != std::string::npos || device.host.ends_with("/.."))
        return error(Errc::invalid, "device '{}': the host's path must be below /dev", shown(text));
    if (!device.container.starts_with('/') || device.container.size() < 2)
        return error(Errc::invalid, "device '{}': the path in the container must be absolute", shown(text));
    return device;
}

Result<Ulimit> parse_ulimit(std::string_view text) {
    const auto one = [](std::string_view part, std::uint64_t& out) {
        if (part == "unlimited" || part == "infinity" || part == "-1") {
            out = std::numeric_limits<std::uint64_t>::max();
            return true;
        }
        return to_number(part, out);
    };
    Ulimit limit;
    const std::size_t colon = text.find(':');
    if (!one(text.substr(0, colon), limit.soft))
        return error(Errc::invalid, "limit '{}' must be a number or 'unlimited', or two as SOFT:HARD", shown(text));
    limit.hard = limit.soft;
    if (colon != std::string_view::npos && !one(text.substr(colon + 1), limit.hard))
        return error(Errc::invalid, "limit '{}' must be a number or 'unlimited', or two as SOFT:HARD", shown(text));
    if (limit.soft > limit.hard) return error(Errc::invalid, "limit '{}': the soft limit is above the hard one", shown(text));
    return limit;
}

Result<std::pair<Restart, std::uint32_t>> parse_restart(std::string_view text) {
    using Policy = std::pair<Restart, std::uint32_t>;
    if (text == "no") return Policy{Restart::no, 0};
    if (text == "always") return Policy{Restart::always, 0};
    if (text == "unless-stopped") return Policy{Restart::unless_stopped, 0};
    constexpr std::string_view on_failure = "on-failure";
    if (text == on_failure) return Policy{Restart::on_failure, 0};
    std::uint32_t count = 0;
    if (text.starts_with("on-failure:") && to_number(text.substr(on_failure.size() + 1), count) && count <= 1'000'000)
        return Policy{Restart::on_failure, count};
    return error(Errc::invalid, "restart policy '{}' is not one of no, always, unless-stopped, on-failure[:TIMES]",
                 shown(text));
}

std::string restart_text(Restart restart, std::uint32_t max) {
    switch (restart) {
    case Restart::no: return "no";
    case Restart::always: return "always";
    case Restart::unless_stopped: return "unless-stopped";
    case Restart::on_failure: return max ? fmt::format("on-failure:{}", max) : "on-failure";
    }
    return "no";
}

Result<NamespaceMode> parse_namespace(std::string_view text) {
    using Kind = NamespaceMode::Kind;
    if (text == "private" || text == "shareable") return NamespaceMode{Kind::private_, ""};  // docker's --ipc has both
    if (text == "host") return NamespaceMode{Kind::host, ""};
    constexpr std::string_view container = "container:";
    if (text.starts_with(container)) {
        const ContainerName name = TRY(ContainerName::parse(text.substr(container.size())));
        return NamespaceMode{Kind::container, name.str()};
    }
    return error(Errc::invalid, "namespace mode '{}' is not one of private, host, container:NAME", shown(text));
}

Result<int> parse_signal(std::string_view text) {
    int number = 0;
    if (to_number(text, number)) {
        if (number >= 1 && number <= SIGRTMAX) return number;
        return error(Errc::invalid, "signal '{}' is out of range, it must be between 1 and {}", shown(text), SIGRTMAX);
    }
    std::string name(text.substr(0, 32));
    for (char& c : name)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (name.starts_with("SIG")) name.erase(0, 3);
    for (int signal = 1; signal < SIGRTMIN; ++signal)
        if (const char* known = sigabbrev_np(signal); known && name == known) return signal;
    if (name == "IOT") return SIGABRT;
    if (name == "CLD") return SIGCHLD;
    // The kernel's numbers: 32 and 33 belong to glibc, SIGRTMIN is 34 for everybody who uses it.
    int offset = 0;
    if (name == "RTMIN") return SIGRTMIN;
    if (name == "RTMAX") return SIGRTMAX;
    const std::string_view tail = name.size() > 6 ? std::string_view(name).substr(6) : "";
    if (name.starts_with("RTMIN+") && to_number(tail, offset) && SIGRTMIN + offset <= SIGRTMAX) return SIGRTMIN + offset;
    if (name.starts_with("RTMAX-") && to_number(tail, offset) && SIGRTMAX - offset >= SIGRTMIN) return SIGRTMAX - offset;
    return error(Errc::invalid, "signal '{}' is not known", shown(text));
}

Result<DeviceRate> parse_device_rate(std::string_view text, bool bytes) {
    const std::size_t colon = text.rfind(':');
    DeviceRate rate;
    rate.device = text.substr(0, colon);
    if (colon == std::string_view::npos || !rate.device.starts_with("/dev/"))
        return error(Errc::invalid, "rate '{}' must be /dev/DEVICE:RATE", shown(text));
    if (bytes)
        rate.rate = TRY_CONTEXT(parse_bytes(text.substr(colon + 1)), "rate '{}'", shown(text));
    else if (!to_number(text.substr(colon + 1), rate.rate))
        return error(Errc::invalid, "rate '{}' must be /dev/DEVICE:NUMBER", shown(text));
    if (rate.rate == 0) return error(Errc::invalid, "rate '{}': zero would stop the device", shown(text));
    return rate;
}

}  // namespace gantry::config
