// The policy of a running container, as it is in force: a text file in /run/gantry/policy, from which its entries in the maps
// can be made again, and so be erased by anyone.
//     owner 17            the container's number in flows and denials
//     policy 4711         the number of the rules
//     cgroup 93412        inode number of its cgroup
//     build 0123456789ab  of the programs that enforce it (programs.hpp)
//     netns own           or "host"
//     egress web:80/tcp   rules as they were written, counted from 1 in each direction; `egress` alone: there are none
//     listen 80/tcp
//     grant egress 10.88.0.3 1               what rule 1 allows
//     grant ingress 127.0.0.0/8 0            what nobody wrote; ports follow where not all are meant: 53/tcp 53/udp
//     inside 10.88.0.0/16
#pragma once

#include "policy/tables.hpp"

namespace gantry::policy {

struct Applied {
    std::uint32_t owner = 0, policy = 0;
    std::uint64_t cgroup = 0;
    std::string build;
    bool own_net = true;  // the container has a network namespace of its own
    config::NetworkPolicy rules;
    std::vector<Grant> egress, ingress;  // but for the world's
    std::vector<config::Prefix> inside;

    [[nodiscard]] std::uint32_t flags() const;
    [[nodiscard]] Tables tables() const;
    [[nodiscard]] std::string text() const;
    // Errc::corrupt names the line.
    static Result<Applied> parse(std::string_view text);
};

}  // namespace gantry::policy
