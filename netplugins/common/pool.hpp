// Subnets for networks that ask for none.
#pragma once

#include "plan.hpp"

namespace gantry::net {

struct Pool {
    Cidr cidr;
    int prefix = 0;  // of the subnets taken from it
};

// "10.88.0.0/13:16", as the network option `pool` has it.
Result<Pool> parse_pool(std::string_view text);
// 10.88.0.0/13 in steps of /16 and fd00:6761:6e74::/48 in steps of /64.
std::vector<Pool> default_pools();

// The first subnet of that family that overlaps nothing in taken. Errc::no_space if there is none.
Result<Cidr> choose_subnet(const std::vector<Pool>& pools, Family family, const std::vector<Cidr>& taken);

}  // namespace gantry::net
