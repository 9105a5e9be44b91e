// What a container may talk to: [network.policy]. A rule is PEER[:PORTS][/PROTOCOL].
//     10.0.0.0/8:5432/tcp   [fd00::/8]:443   192.0.2.7        an address or a network
//     web   app-*:80,8000-8010                                containers by name or pattern (fnmatch(3))
//     label:tier=db:5432   network:backend                    containers by label, all of a network
//     host   world                                            this host; all that is neither this host nor a container here
//     dns:api.example.com:443   dns:*.example.com             what the container's resolvers answer for a name; egress only
// Without ports: all of them, ICMP too. Without a protocol: tcp, udp and sctp. PROTOCOL is tcp, udp, sctp or icmp (both
// families; it has no ports).
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::config {

// An IP network; IPv4 as ::ffff:a.b.c.d, so that one order holds for both (its prefix counts from the first of 128 bits).
struct Prefix {
    std::array<std::uint8_t, 16> address{};
    unsigned length = 128;

    // "10.0.0.0/8", "fd00::/8", an address; host bits that are set are an error.
    static Result<Prefix> parse(std::string_view text);
    [[nodiscard]] bool is_v4() const;
    // Of the same family, and all of other is in it.
    [[nodiscard]] bool covers(const Prefix& other) const;
    [[nodiscard]] std::string str() const;
    auto operator<=>(const Prefix&) const = default;
};

struct PortSpan {
    std::uint8_t protocol = 0;  // IANA's number
    std::uint16_t first = 0, last = 65535;
    auto operator<=>(const PortSpan&) const = default;
};

struct PolicyRule {
    enum class Peer { prefix, container, label, network, host, world, dns } peer = Peer::world;
    std::string name;  // the container's pattern, the label KEY or KEY=VALUE, the network, the DNS name or "*." and one
    Prefix prefix;     // of Peer::prefix
    std::vector<PortSpan> ports;  // empty: everything, whatever the protocol
    std::string text;             // as it was written
    bool operator==(const PolicyRule& other) const { return text == other.text; }
};

// A missing list allows everything in its direction, an empty one nothing.
struct NetworkPolicy {
    std::optional<std::vector<PolicyRule>> egress, ingress;
    std::optional<std::vector<PortSpan>> listen;  // "80/tcp", "8000-8010/udp": what may be bound to
    [[nodiscard]] bool empty() const { return !egress && !ingress && !listen; }
    bool operator==(const NetworkPolicy&) const = default;
};

// Whether a rule of either direction has such a peer.
bool has_peer(const NetworkPolicy& policy, PolicyRule::Peer peer);

inline constexpr std::size_t policy_rule_limit = 4096;  // of one list

inline constexpr std::size_t policy_name_limit = 247;  // of a DNS name; longer ones are not followed

Result<PolicyRule> parse_policy_rule(std::string_view text);
// The same for what comes in, where no DNS name is asked for.
Result<PolicyRule> parse_ingress_rule(std::string_view text);
Result<PortSpan> parse_listen_port(std::string_view text);
std::string listen_text(const PortSpan& span);
std::string protocol_text(std::uint8_t protocol);  // "tcp"; a number where it has no name here

}  // namespace gantry::config
