#include "pool.hpp"

#include <algorithm>
#include <charconv>

namespace gantry::net {

namespace {

// A /48 has 65536 subnets of /64; nobody has more networks on a host.
constexpr unsigned max_steps = 65536;

}  // namespace

Result<Pool> parse_pool(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto slash = text.rfind('/');
    if (colon == std::string_view::npos || slash == std::string_view::npos || colon < slash)
        return error(Errc::invalid, "pool '{}': SUBNET:PREFIX is wanted", text);
    Pool pool;
    pool.cidr = TRY_CONTEXT(Cidr::parse(text.substr(0, colon)), "pool");
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), pool.prefix);
    if (problem != std::errc() || end != digits.data() + digits.size() || pool.prefix < pool.cidr.prefix ||
        pool.prefix > address_bits(pool.cidr.network.family) - 2)
        return error(Errc::invalid, "pool '{}': the prefix of its subnets is wrong", text);
    return pool;
}

std::vector<Pool> default_pools() {
    std::vector<Pool> pools;
    for (const char* text : {"10.88.0.0/13:16", "fd00:6761:6e74::/48:64"})
        if (auto pool = parse_pool(text); pool.ok()) pools.push_back(*pool);
    return pools;
}

Result<Cidr> choose_subnet(const std::vector<Pool>& pools, Family family, const std::vector<Cidr>& taken) {
    for (const auto& pool : pools) {
        if (pool.cidr.network.family != family) continue;
        Cidr candidate = Cidr::of(pool.cidr.network, pool.prefix);
        const Number step = Number{1} << (address_bits(family) - pool.prefix);
        for (unsigned at = 0; at < max_steps && pool.cidr.contains(candidate); ++at) {
            if (std::ranges::none_of(taken, [&](const Cidr& other) { return other.overlaps(candidate); })) return candidate;
            candidate.network.value += step;
        }
    }
    return error(Errc::no_space, "no free {} subnet is left in the address pools", family == Family::v4 ? "IPv4" : "IPv6");
}

}  // namespace gantry::net
