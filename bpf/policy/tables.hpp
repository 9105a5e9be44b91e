// From rules whose peers are addresses to the entries of the maps (policy.h).
#pragma once

#include "policy.h"

#include "config/policy.hpp"

#include <vector>

namespace gantry::policy {

// One direction's permission for one network of peers.
struct Grant {
    config::Prefix prefix;
    std::uint32_t rule = 0;  // the rule it comes from, counted from 1; 0: nobody wrote it (the container itself, its resolvers)
    std::vector<config::PortSpan> ports;  // empty: everything
    bool operator==(const Grant&) const = default;
};

struct Direction {
    std::vector<Grant> grants;
    std::vector<Grant> world;            // their prefix is not looked at
    std::vector<config::Prefix> inside;  // what is not the world: this host's addresses, networks of containers
};

struct Tables {
    std::vector<std::pair<policy_target_key, policy_target>> targets;
    std::vector<std::pair<policy_port_key, std::uint32_t>> ports;
};

// Entries of a direction that has rules; an address that no entry covers is denied. The longest prefix decides, so each prefix
// gets what the wider ones allow as well. Of two rules that allow the same, the first is named.
Tables compile(const Direction& direction, std::uint32_t policy, policy_direction which);
// Entries for what may be listened on.
Tables compile_listen(const std::vector<config::PortSpan>& ports, std::uint32_t policy);

}  // namespace gantry::policy
