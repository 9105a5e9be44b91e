#include "plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::net {
namespace {

using driver::Protocol;
using testing::HasSubstr;

driver::NetworkConfig green() {
    return {.name = "green", .driver = "bridge", .subnets = {{"10.88.0.0/16", "", ""}, {"fd00::/64", "", ""}}};
}
driver::AttachRequest web() { return {.container = "web", .network = green(), .interface = "eth0"}; }

std::string refusal(const driver::NetworkConfig& config) {
    const auto plan = plan_network(config);
    return plan.ok() ? "" : plan.error().message();
}
std::string refusal(const driver::AttachRequest& request) {
    const auto plan = plan_attach(request);
    return plan.ok() ? "" : plan.error().message();
}

TEST(NetworkPlan, DefaultsAndNames) {
    const auto plan = plan_network(green());
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->v4->gateway.str(), "10.88.0.1");
    EXPECT_EQ(plan->v6->gateway.str(), "fd00::1");
    EXPECT_THAT(plan->bridge, testing::StartsWith("gtr-"));
    EXPECT_LE(plan->bridge_name(max_bridges - 1).size(), 15U);
    driver::NetworkConfig standard = green();
    standard.name = "bridge";
    EXPECT_EQ(plan_network(standard)->bridge, "gantry0");
}

TEST(NetworkPlan, MistakesAreNamed) {
    const auto with = [](const char* cidr, const char* gateway = "", const char* range = "") {
        driver::NetworkConfig config = green();
        config.subnets = {{cidr, gateway, range}};
        return refusal(config);
    };
    EXPECT_THAT(with("10.88.0.0/31"), HasSubstr("too small"));
    EXPECT_THAT(with("0.0.0.0/0"), HasSubstr("whole internet"));
    EXPECT_THAT(with("10.88.0.0/16", "10.89.0.1"), HasSubstr("gateway '10.89.0.1' is no host address"));
    EXPECT_THAT(with("10.88.0.0/16", "10.88.0.0"), HasSubstr("no host address"));
    EXPECT_THAT(with("10.88.0.0/16", "10.88.255.255"), HasSubstr("no host address"));
    EXPECT_THAT(with("10.88.0.0/16", "", "10.89.0.0/24"), HasSubstr("not inside"));
    EXPECT_EQ(with("10.88.0.0/16", "10.88.0.9", "10.88.4.0/24"), "");
    driver::NetworkConfig config = green();
    config.subnets.push_back({"10.90.0.0/16", "", ""});
    EXPECT_THAT(refusal(config), HasSubstr("another of its family"));
    config = green();
    config.mtu = 1000;
    EXPECT_THAT(refusal(config), HasSubstr("mtu 1000"));
    config = green();
    config.options = {{"colour", "green"}};
    EXPECT_THAT(refusal(config), HasSubstr("option 'colour' is not known"));
    config.options = {{"bridge", "br/0"}};
    EXPECT_THAT(refusal(config), HasSubstr("bridge name 'br/0'"));
    config.options = {{"masquerade", "maybe"}};
    EXPECT_THAT(refusal(config), HasSubstr("neither true nor false"));
    config = green();
    config.name = "../x";
    EXPECT_NE(refusal(config), "");
}

TEST(AttachPlan, StaticAddressesBelongToTheSubnet) {
    auto request = web();
    request.ipv4 = "10.88.1.1";
    request.ipv6 = "fd00::5";
    EXPECT_EQ(refusal(request), "");
    for (const char* bad : {"10.89.0.1", "10.88.0.1", "10.88.0.0", "10.88.255.255", "fd00::5", "x", "10.88.0.5/16"}) {
        request.ipv4 = bad;
        EXPECT_NE(refusal(request), "") << bad;
    }
    request = web();
    request.network.subnets.pop_back();
    request.ipv6 = "fd00::5";
    EXPECT_EQ(refusal(request), "address 'fd00::5': the network has no IPv6 subnet");
}

TEST(AttachPlan, NamesAndMacs) {
    auto request = web();
    for (const char* bad : {"", "a b", "eth/0", "sixteencharacter", "..", "et:h", "eth%d"}) {
        request.interface = bad;
        EXPECT_NE(refusal(request), "") << bad;
    }
    request = web();
    request.container = "../../etc/passwd";
    EXPECT_NE(refusal(request), "");
    request = web();
    request.mac = "ff:ff:ff:ff:ff:ff";
    EXPECT_NE(refusal(request), "");
    request = web();
    request.options = {{"x", "y"}};
    EXPECT_THAT(refusal(request), HasSubstr("option 'x'"));
}

TEST(AttachPlan, Ports) {
    auto request = web();
    request.ports = {
        {Protocol::tcp, "", 80, 80}, {Protocol::udp, "", 80, 80}, {Protocol::tcp, "", 0, 80}, {Protocol::tcp, "", 0, 80}};
    EXPECT_EQ(refusal(request), "");
    request.ports = {{Protocol::tcp, "", 80, 80}, {Protocol::tcp, "", 80, 81}};
    EXPECT_EQ(refusal(request), "port 80/tcp is published twice");
    request.ports = {{Protocol::tcp, "", 80, 0}};
    EXPECT_THAT(refusal(request), HasSubstr("container's port is missing"));
    request.ports = {{static_cast<Protocol>(1), "", 80, 80}};
    EXPECT_THAT(refusal(request), HasSubstr("protocol 1"));
    request.ports = {{Protocol::tcp, "fe80::1", 80, 80}};
    EXPECT_THAT(refusal(request), HasSubstr("link-local"));
    request.ports = {{Protocol::tcp, "::1", 80, 80}};
    EXPECT_THAT(refusal(request), HasSubstr("use '127.0.0.1'"));
    request.ports = {{Protocol::tcp, "localhost", 80, 80}};
    EXPECT_THAT(refusal(request), HasSubstr("'localhost' is not an IP address"));
    request.ports = {{Protocol::tcp, "", 80, 80}};
    request.network.internal = true;
    EXPECT_EQ(refusal(request), "no port can be published on an internal network");
    request = web();
    request.network.subnets.pop_back();
    request.ports = {{Protocol::tcp, "::", 80, 80}};
    EXPECT_THAT(refusal(request), HasSubstr("no IPv6 subnet"));
}

TEST(PortRules, OneForEachFamilyThatFits) {
    const std::vector<Address> addresses{*Address::parse("10.88.0.2"), *Address::parse("fd00::2")};
    EXPECT_EQ(port_rules({Protocol::tcp, "", 80, 81}, addresses)->size(), 2U);
    const auto any4 = port_rules({Protocol::tcp, "0.0.0.0", 80, 81}, addresses);
    ASSERT_EQ(any4->size(), 1U);
    EXPECT_FALSE(any4->front().host.has_value());
    EXPECT_EQ(any4->front().target, addresses[0]);
    const auto one6 = port_rules({Protocol::tcp, "2001:db8::1", 80, 81}, addresses);
    ASSERT_EQ(one6->size(), 1U);
    EXPECT_EQ(one6->front().target, addresses[1]);
}

}  // namespace
}  // namespace gantry::net
