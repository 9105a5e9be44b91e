#include "config/policy.hpp"

#include "base/names.hpp"
#include "base/text.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <limits>

namespace gantry::config {

namespace {

constexpr std::array<std::uint8_t, 12> v4_start = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct Named {
    const char* name;
    std::uint8_t number;
};
constexpr Named protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}, {"icmp", IPPROTO_ICMP}};

bool is_protocol(std::string_view text) {
    return std::ranges::any_of(protocols, [&](const Named& known) { return text == known.name; });
}

bool same_bits(const std::uint8_t* a, const std::uint8_t* b, unsigned bits) {
    if (std::memcmp(a, b, bits / 8) != 0) return false;
    const unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

template <class T>
bool to_number(std::string_view text, T& out) {
    const auto number = whole_number(text);
    if (!number || *number > std::numeric_limits<T>::max()) return false;
    out = static_cast<T>(*number);
    return true;
}

bool to_span(std::string_view text, PortSpan& out) {
    const auto dash = text.find('-');
    if (!to_number(text.substr(0, dash), out.first) || out.first == 0) return false;
    out.last = out.first;
    return dash == std::string_view::npos || (to_number(text.substr(dash + 1), out.last) && out.last >= out.first);
}

bool looks_like_ports(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789-,") == std::string_view::npos;
}

// Where the ports begin: after the last colon that is not part of an IPv6 address.
std::size_t ports_at(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        return end != std::string_view::npos && end + 1 < text.size() && text[end + 1] == ':' ? end + 1
                                                                                              : std::string_view::npos;
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return colon;
    const bool named = text.starts_with("label:") || text.starts_with("network:") || text.starts_with("dns:");
    if (named) return looks_like_ports(text.substr(colon + 1)) ? colon : std::string_view::npos;
    return text.find(':') == colon ? colon : std::string_view::npos;
}

// "api.example.com", "*.example.com"; in lower case, without the dot at the end.
Result<std::string> dns_pattern(std::string_view text) {
    std::string name(text);
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (name.ends_with('.')) name.pop_back();
    std::string_view rest = name;
    if (rest.starts_with("*.")) rest.remove_prefix(2);
    const auto labels = split(rest, '.');
    const bool good =
        !rest.empty() && name.size() <= policy_name_limit && std::ranges::all_of(labels, [](std::string_view label) {
            return !label.empty() && label.size() <= 63 &&
                   label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
        });
    if (!good) return error(Errc::invalid, "'{}' is neither a DNS name nor '*.' and one", text.substr(0, 80));
    return name;
}

Result<> read_peer(std::string_view text, PolicyRule& rule) {
    using Peer = PolicyRule::Peer;
    if (text == "host" || text == "world") {
        rule.peer = text == "host" ? Peer::host : Peer::world;
        return {};
    }
    if (text.starts_with("dns:")) {
        rule.peer = Peer::dns;
        rule.name = TRY(dns_pattern(text.substr(4)));
        return {};
    }
    if (text.starts_with("network:")) {
        rule.peer = Peer::network;
        rule.name = TRY(ObjectName::parse("network", text.substr(8))).str();
        return {};
    }
    if (text.starts_with("label:")) {
        rule.peer = Peer::label;
        rule.name = text.substr(6);
        if (rule.name.empty() || rule.name.front() == '=') return error(Errc::invalid, "a label needs a key");
        return {};
    }
    if (text.starts_with('[') || text.find(':') != std::string_view::npos || text.find('/') != std::string_view::npos ||
        text.find_first_not_of("0123456789.") == std::string_view::npos) {
        if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
        rule.peer = Peer::prefix;
        rule.prefix = TRY(Prefix::parse(text));
        return {};
    }
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*?[]!";
    if (text.find_first_not_of(letters) != std::string_view::npos || text.size() > 255)
        return error(Errc::invalid, "'{}' is neither an address nor a container's name or pattern", text.substr(0, 80));
    rule.peer = Peer::container;
    rule.name = text;
    return {};
}

Result<PolicyRule> parse_rule(std::string_view text) {
    PolicyRule rule;
    rule.text = text;
    if (text.empty() || text.size() > 512) return error(Errc::invalid, "it must be PEER[:PORTS][/PROTOCOL]");
    std::string_view protocol;
    if (const auto slash = text.rfind('/'); slash != std::string_view::npos && is_protocol(text.substr(slash + 1))) {
        protocol = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    std::string_view ports;
    bool with_ports = false;
    if (const auto colon = ports_at(text); colon != std::string_view::npos) {
        ports = text.substr(colon + 1);
        text = text.substr(0, colon);
        with_ports = true;
    }
    TRY(read_peer(text, rule));
    if (protocol == "icmp") {
        if (with_ports) return error(Errc::invalid, "icmp has no ports");
        rule.ports = {{IPPROTO_ICMP, 0, 65535}, {IPPROTO_ICMPV6, 0, 65535}};
        return rule;
    }
    if (!with_ports && protocol.empty()) return rule;
    std::vector<PortSpan> spans(1);
    if (with_ports) {
        spans.clear();
        for (const auto part : split(ports, ',')) {
            PortSpan span;
            if (!to_span(part, span))
                return error(Errc::invalid, "'{}' is not a port from 1 to 65535 or a range like 8000-8010",
                             std::string(part).substr(0, 80));
            spans.push_back(span);
        }
    }
    for (const Named& known : protocols) {
        if (known.number == IPPROTO_ICMP || (!protocol.empty() && protocol != known.name)) continue;
        for (PortSpan span : spans) {
            span.protocol = known.number;
            rule.ports.push_back(span);
        }
    }
    return rule;
}

}  // namespace

Result<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const std::string address(text.substr(0, slash));
    Prefix prefix;
    unsigned bits = 128, start = 0;
    if (inet_pton(AF_INET, address.c_str(), prefix.address.data() + 12) == 1) {
        std::ranges::copy(v4_start, prefix.address.begin());
        bits = 32;
        start = 96;
    } else if (inet_pton(AF_INET6, address.c_str(), prefix.address.data()) != 1) {
        return error(Errc::invalid, "'{}' is not an IP address or network", text.substr(0, 80));
    }
    unsigned length = bits;
    if (slash != std::string_view::npos && (!to_number(text.substr(slash + 1), length) || length > bits))
        return error(Errc::invalid, "'{}': the prefix must be a number from 0 to {}", text.substr(0, 80), bits);
    prefix.length = start + length;
    for (unsigned bit = prefix.length; bit < 128; ++bit)
        if ((prefix.address[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return error(Errc::invalid, "'{}': bits of the host are set", text.substr(0, 80));
    return prefix;
}

bool Prefix::is_v4() const { return length >= 96 && std::equal(v4_start.begin(), v4_start.end(), address.begin()); }

bool Prefix::covers(const Prefix& other) const {
    return is_v4() == other.is_v4() && length <= other.length && same_bits(address.data(), other.address.data(), length);
}

std::string Prefix::str() const {
    char text[INET6_ADDRSTRLEN] = "";
    const bool v4 = is_v4();
    inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof text);
    return length == 128 ? text : fmt::format("{}/{}", text, length - (v4 ? 96 : 0));
}

bool has_peer(const NetworkPolicy& policy, PolicyRule::Peer peer) {
    const auto in = [&](const auto& list) {
        return list && std::ranges::any_of(*list, [&](const PolicyRule& rule) { return rule.peer == peer; });
    };
    return in(policy.egress) || in(policy.ingress);
}

Result<PolicyRule> parse_policy_rule(std::string_view text) {
    return TRY_CONTEXT(parse_rule(text), "rule '{}'", text.substr(0, 80));
}

Result<PolicyRule> parse_ingress_rule(std::string_view text) {
    PolicyRule rule = TRY(parse_policy_rule(text));
    if (rule.peer == PolicyRule::Peer::dns)
        return error(Errc::invalid, "rule '{}': a DNS name is for egress, nobody asks for it when somebody comes", rule.text);
    return rule;
}

Result<PortSpan> parse_listen_port(std::string_view text) {
    const auto slash = text.find('/');
    const std::string_view protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
    PortSpan span;
    const auto found = std::ranges::find_if(protocols, [&](const Named& known) { return protocol == known.name; });
    if (!to_span(text.substr(0, slash), span) || found == std::end(protocols) || found->number == IPPROTO_ICMP)
        return error(Errc::invalid, "'{}' is not a port like 80/tcp or 8000-8010/udp", text.substr(0, 80));
    span.protocol = found->number;
    return span;
}

std::string protocol_text(std::uint8_t protocol) {
    if (protocol == IPPROTO_ICMPV6) return "icmp";
    const auto found = std::ranges::find_if(protocols, [&](const Named& known) { return protocol == known.number; });
    return found == std::end(protocols) ? std::to_string(protocol) : found->name;
}

std::string listen_text(const PortSpan& span) {
    return span.first == span.last ? fmt::format("{}/{}", span.first, protocol_text(span.protocol))
                                   : fmt::format("{}-{}/{}", span.first, span.last, protocol_text(span.protocol));
}

}  // namespace gantry::config
