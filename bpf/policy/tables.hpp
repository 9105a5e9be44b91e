// From rules whose peers are addresses to the entries of the maps (policy.h).
#pragma once

#include "policy.h"

#include "config/policy.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::policy {

// One direction's permission for one network of peers.
struct Grant {
    config::Prefix prefix;
    std::uint32_t rule = 0;  // the rule it comes from, counted from 1; 0: nobody wrote it (the container itself, its resolvers)
    std::vector<config::PortSpan> ports;  // empty: everything
    bool operator==(const Grant&) const = default;
};

// One rule's permission for the addresses of DNS names.
struct NameGrant {
    std::string pattern;  // "api.example.com", "*.example.com"
    std::uint32_t rule = 0;
    std::vector<config::PortSpan> ports;
};

struct Direction {
    std::vector<Grant> grants;
    std::vector<Grant> world;            // their prefix is not looked at
    std::vector<config::Prefix> inside;  // what is not the world: this host's addresses, networks of containers
    std::vector<NameGrant> names{};
    std::vector<config::Prefix> resolvers{};  // addresses whose answers for the names are believed
};

struct Tables {
    std::vector<std::pair<policy_target_key, policy_target>> targets;
    std::vector<std::pair<policy_port_key, std::uint32_t>> ports;
    std::vector<std::pair<policy_name_key, std::uint64_t>> names;
    std::vector<std::pair<policy_permit_key, policy_target>> permits;
};

// What the maps know a pattern by, in every policy.
std::uint64_t pattern_number(std::string_view pattern);

// Entries of a direction that has rules; an address that no entry covers is denied. The longest prefix decides, so each prefix
// gets what the wider ones allow as well. Of two rules that allow the same, the first is named.
Tables compile(const Direction& direction, std::uint32_t policy, policy_direction which);
// Entries for what may be listened on.
Tables compile_listen(const std::vector<config::PortSpan>& ports, std::uint32_t policy);

}  // namespace gantry::policy
