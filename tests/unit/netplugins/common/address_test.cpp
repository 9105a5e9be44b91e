#include "address.hpp"

#include <gtest/gtest.h>

namespace gantry::net {
namespace {

TEST(Address, BothFamiliesAndBack) {
    for (const char* text : {"10.88.0.1", "0.0.0.0", "255.255.255.255", "fd00::1", "::", "2001:db8:1:2:3:4:5:6"}) {
        const auto address = Address::parse(text);
        ASSERT_TRUE(address.ok()) << text;
        EXPECT_EQ(address->str(), text);
        EXPECT_EQ(Address::from_bytes(address->bytes()), *address);
    }
}

TEST(Address, NonsenseIsRefused) {
    for (const std::string text :
         {"", "10.88.0", "10.88.0.256", "010.1.1.1", "10.88.0.1/16", "fe80::1%eth0", "::g", "10.0.0.1 ", "1.2.3.4; drop"})
        EXPECT_FALSE(Address::parse(text).ok()) << text;
    EXPECT_FALSE(Address::parse(std::string_view("10.0.0.1\0x", 10)).ok());
}

TEST(Cidr, PrefixesAndHostBits) {
    EXPECT_EQ(Cidr::parse("10.88.0.0/16")->last().str(), "10.88.255.255");
    EXPECT_EQ(Cidr::parse("fd00::/64")->last().str(), "fd00::ffff:ffff:ffff:ffff");
    EXPECT_EQ(Cidr::parse("0.0.0.0/0")->last().str(), "255.255.255.255");
    EXPECT_EQ(Cidr::parse("::/0")->last().str(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    for (const char* text :
         {"10.88.0.0", "10.88.0.0/", "10.88.0.0/33", "10.88.0.0/-1", "10.88.0.0/1x", "/16", "fd00::/129", "x/8"})
        EXPECT_FALSE(Cidr::parse(text).ok()) << text;
    EXPECT_EQ(Cidr::parse("10.88.0.1/16").error().message(), "'10.88.0.1/16' has host bits set, did you mean '10.88.0.0/16'");
}

TEST(Cidr, ContainsAndOverlaps) {
    const Cidr wide = *Cidr::parse("10.88.0.0/16"), narrow = *Cidr::parse("10.88.4.0/24"), other = *Cidr::parse("10.89.0.0/16");
    EXPECT_TRUE(wide.contains(narrow));
    EXPECT_FALSE(narrow.contains(wide));
    EXPECT_TRUE(narrow.overlaps(wide));
    EXPECT_FALSE(wide.overlaps(other));
    EXPECT_FALSE(wide.contains(*Address::parse("::10.88.0.1")));
    EXPECT_TRUE(Cidr::parse("::/0")->contains(*Address::parse("fd00::1")));
}

TEST(Mac, GrammarAndDerivation) {
    EXPECT_EQ(mac_text(*parse_mac("02:42:0A:58:00:02")), "02:42:0a:58:00:02");
    for (const char* text : {"", "02:42:0a:58:00", "02:42:0a:58:00:02:03", "02-42-0a-58-00-02", "02:42:0a:58:00:g2",
                             "01:00:5e:00:00:01", "00:00:00:00:00:00", "2:42:0a:58:00:02:", "+2:42:0a:58:00:02"})
        EXPECT_FALSE(parse_mac(text).ok()) << text;
    EXPECT_EQ(mac_text(mac_of(*Address::parse("10.88.0.2"))), "02:67:0a:58:00:02");
    EXPECT_NE(mac_of(*Address::parse("fd00::1")), mac_of(*Address::parse("fd00::2")));
    EXPECT_TRUE(parse_mac(mac_text(mac_of(*Address::parse("fd00::1")))).ok());
}

}  // namespace
}  // namespace gantry::net
