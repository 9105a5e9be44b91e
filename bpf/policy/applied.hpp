// The policy of a running container, as it is in force: a text file in /run/gantry/policy, from which its entries in the maps
// can be made again, and so be erased by anyone.
//     owner 17            the container's number in flows and denials
//     policy 4711         the number of the rules
//     cgroup 93412        inode number of its cgroup
//     build 0123456789ab  of the programs that enforce it (programs.hpp)
//     netns own           or "host"
//     socket 93420        inode number of its socket unit's cgroup, if it was given sockets of one
//     port 6 8080 8081 80 of that unit, protocol and the host's ports, and the first one of the container's
//     egress web:80/tcp   rules as they were written, counted from 1 in each direction; `egress` alone: there are none
//     listen 80/tcp
//     grant egress 10.88.0.3 1               what rule 1 allows
//     grant ingress 127.0.0.0/8 0            what nobody wrote; ports follow where not all are meant: 53/tcp 53/udp
//     inside 10.88.0.0/16
#pragma once

#include "policy/tables.hpp"

namespace gantry::policy {

// Ports of a socket unit. Rules name them as the container's.
struct SocketPort {
    std::uint8_t protocol = 6;
    std::uint16_t host = 0, host_end = 0, container = 0;
    bool operator==(const SocketPort&) const = default;
};

struct Applied {
    // The policy's number is even. The next one is that of what holds for the sockets of the socket unit, which are in the
    // host's network: the same rules, but nothing that is let through because it is the container's own.
    std::uint32_t owner = 0, policy = 0;
    std::uint64_t cgroup = 0;
    std::uint64_t socket_cgroup = 0;  // 0: it was given no sockets
    std::vector<SocketPort> socket_ports;
    std::string build;
    bool own_net = true;  // the container has a network namespace of its own
    config::NetworkPolicy rules;
    std::vector<Grant> egress, ingress;  // but for the world's
    std::vector<config::Prefix> inside;

    [[nodiscard]] std::uint32_t flags() const;
    [[nodiscard]] policy_state state() const { return {owner, policy, flags()}; }
    [[nodiscard]] policy_state socket_state() const;
    [[nodiscard]] Tables tables() const;
    [[nodiscard]] std::string text() const;
    // Errc::corrupt names the line.
    static Result<Applied> parse(std::string_view text);
};

}  // namespace gantry::policy
