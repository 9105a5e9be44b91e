#include "pool.hpp"

#include <gtest/gtest.h>

namespace gantry::net {
namespace {

Cidr cidr(const char* text) { return Cidr::parse(text).value(); }

TEST(Pool, TheFirstSubnetThatOverlapsNothing) {
    EXPECT_EQ(choose_subnet(default_pools(), Family::v4, {})->str(), "10.88.0.0/16");
    EXPECT_EQ(choose_subnet(default_pools(), Family::v6, {})->str(), "fd00:6761:6e74::/64");
    EXPECT_EQ(choose_subnet(default_pools(), Family::v4, {cidr("10.88.0.0/16"), cidr("10.89.3.0/24")})->str(), "10.90.0.0/16");
    EXPECT_EQ(choose_subnet(default_pools(), Family::v4, {cidr("10.0.0.0/8")}).error().code(), Errc::no_space);
    const std::vector<Pool> two{*parse_pool("10.0.0.0/24:25"), *parse_pool("192.168.0.0/16:24")};
    EXPECT_EQ(choose_subnet(two, Family::v4, {cidr("10.0.0.0/24")})->str(), "192.168.0.0/24");
    EXPECT_EQ(choose_subnet(two, Family::v6, {}).error().code(), Errc::no_space);
}

TEST(Pool, TheEndOfTheAddressesIsNoWayAround) {
    const std::vector<Pool> last{*parse_pool("255.255.255.0/24:25")};
    EXPECT_FALSE(choose_subnet(last, Family::v4, {cidr("255.255.255.0/24")}).ok());
}

TEST(Pool, Grammar) {
    for (const char* text :
         {"", "10.0.0.0/8", "10.0.0.0/8:", "10.0.0.0/8:4", "10.0.0.0/8:31", "10.0.0.0/8:x", "10.0.0.1/8:16", "fd00::/48"})
        EXPECT_FALSE(parse_pool(text).ok()) << text;
    EXPECT_EQ(parse_pool("fd00::/48:64")->prefix, 64);
}

}  // namespace
}  // namespace gantry::net
