// A way through `table ip filter` and `table ip6 filter`, which belong to iptables and what is built on it. ufw, docker and
// many scripts have the chains FORWARD (and INPUT) there drop by policy what no rule of theirs knows, and an accept of ours in
// another table overrules nothing. So a network has rules of its own at the end of such a chain: behind all that was written on
// purpose, and before the policy. What containers may and may not is decided by table inet gantry all the same. libvirt, docker
// and podman do it alike. Tables of nftables' own users are left alone, and so is firewalld's, which has zones
// (config/firewalld).
#pragma once

#include "journal.hpp"

namespace gantry::net {

// Adds the rules that are missing where a chain drops by policy: forwarding from and to the network, and its resolvers at port
// 53 and at `ports`. again: those that are there are made anew, so that they are the last. Costs two requests where there is no
// such table.
Result<> pass_filter_tables(const Journal& journal, const NetworkPlan& network, const std::vector<std::uint16_t>& ports,
                            bool again);
// Removes them. Idempotent.
Result<> leave_filter_tables(const Journal& journal, const NetworkPlan& network);

}  // namespace gantry::net
