// Containers as hosts of a link: a cable with a namespace at the other end stands for it. Needs root.
#include "host.hpp"
#include "macvlan_driver.hpp"

#include <gmock/gmock.h>

#include <net/if.h>

namespace gantry::net {

const char* const tested_driver = "macvlan";

std::unique_ptr<driver::NetworkDriver> make_tested_driver(const std::filesystem::path& folder) {
    return std::make_unique<macvlan::MacvlanDriver>(folder / "data", folder / "run");
}

namespace {

using driver::Protocol;
using testing::HasSubstr;
using testing::Not;

class MacvlanLive : public LiveHost {
protected:
    static driver::NetworkConfig link(const driver::Options& options) {
        driver::NetworkConfig config;
        config.name = "lan";
        config.driver = tested_driver;
        config.subnets = {{.cidr = "192.0.2.0/24", .gateway = "192.0.2.2", .ip_range = "192.0.2.64/26"},
                          {.cidr = "2001:db8::/64", .gateway = "2001:db8::2"}};
        config.options = options;
        return config;
    }
    std::string refusal(const driver::Options& options) {
        auto made = driver_->network_create(link(options), {});
        return made.ok() ? "" : made.error().message();
    }
};

TEST_F(MacvlanLive, AContainerIsAHostOfTheLink) {
    const os::Fd world = outside();
    const auto config = driver_->network_create(link({{"parent", "uplink"}}), {}).value();
    const os::Fd one = new_netns(), two = new_netns();
    const auto first = must_prepare(request("one", config), one.get());
    const auto second = must_prepare(request("two", config), two.get());
    ASSERT_EQ(second.addresses.size(), 2U);
    EXPECT_THAT(first.addresses[0], testing::StartsWith("192.0.2."));
    EXPECT_EQ(first.gateways, (std::vector<std::string>{"192.0.2.2", "2001:db8::2"}));
    const os::Fd server = listen_in(two.get(), Protocol::tcp, 80), gateway = listen_in(world.get(), Protocol::tcp, 80);
    for (const std::size_t family : {0U, 1U}) {
        // To each other, from the link, to the gateway; and nobody translates.
        EXPECT_EQ(connect_from(one.get(), bare(second.addresses[family]), 80, server.get()).peer,
                  bare(first.addresses[family]));
        EXPECT_TRUE(connect_from(world.get(), bare(second.addresses[family]), 80, server.get()).connected);
        EXPECT_EQ(connect_from(one.get(), first.gateways[family], 80, gateway.get()).peer, bare(first.addresses[family]));
    }
    EXPECT_EQ(driver_->network_remove(config).error().code(), Errc::in_use);
    // From a namespace that lives on the interface is removed.
    ASSERT_TRUE(driver_->teardown("one", config, false).ok());
    EXPECT_THAT(run("ip -br link", one.get()), Not(HasSubstr("eth0")));
    ASSERT_TRUE(driver_->teardown("two", config, false).ok());
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_TRUE(driver_->network_remove(config).ok());
    EXPECT_EQ(run("nft list ruleset"), "");
}

TEST_F(MacvlanLive, WhatIsInTheWayIsNotTouched) {
    const os::Fd world = outside();
    const auto config = driver_->network_create(link({{"parent", "uplink"}}), {}).value();
    const os::Fd one = new_netns();
    run("ip link add eth0 type veth peer name other", one.get());
    EXPECT_FALSE(driver_->prepare(request("one", config), one.get()).ok());
    EXPECT_THAT(run("ip -br link", one.get()), HasSubstr("eth0"));
    EXPECT_TRUE(driver_->leases(config)->empty());
}

TEST_F(MacvlanLive, VlansAreMadeAndRemoved) {
    const os::Fd world = outside();
    if (run("ip link add link uplink name probe type vlan id 9").find("Unknown device type") != std::string::npos) {
        // A kernel without VLANs says so.
        const auto config = driver_->network_create(link({{"parent", "uplink"}, {"vlan", "5"}}), {}).value();
        const auto refused = driver_->prepare(request("one", config), new_netns().get());
        ASSERT_FALSE(refused.ok());
        EXPECT_THAT(refused.error().message(), HasSubstr("make interface 'uplink.5': this kernel has no VLANs"));
        EXPECT_TRUE(driver_->leases(config)->empty());
        return;
    }
    run("ip link add link cable name cable.5 type vlan id 5; ip addr add 198.51.100.1/24 dev cable.5; ip link set cable.5 up",
        world.get());
    driver::NetworkConfig wanted = link({{"parent", "uplink"}, {"vlan", "5"}});
    wanted.subnets = {{.cidr = "198.51.100.0/24"}};
    const auto config = driver_->network_create(wanted, {}).value();
    const os::Fd one = new_netns();
    must_prepare(request("one", config), one.get());
    const os::Fd gateway = listen_in(world.get(), Protocol::tcp, 80);
    EXPECT_TRUE(connect_from(one.get(), "198.51.100.1", 80, gateway.get()).connected);
    ASSERT_TRUE(driver_->teardown("one", config, false).ok());
    EXPECT_TRUE(driver_->network_remove(config).ok());
    EXPECT_EQ(if_nametoindex("uplink.5"), 0U);
}

TEST_F(MacvlanLive, WrongOptionsAreNamed) {
    EXPECT_EQ(refusal({}), "option 'parent' is missing: the host's interface to the link");
    EXPECT_THAT(refusal({{"parent", "a/b"}}), HasSubstr("parent name 'a/b'"));
    EXPECT_THAT(refusal({{"parent", "x"}, {"vlan", "4095"}}), HasSubstr("option 'vlan': '4095'"));
    EXPECT_THAT(refusal({{"parent", "x"}, {"mode", "passthru"}}), HasSubstr("option 'mode': 'passthru'"));
    EXPECT_THAT(refusal({{"parent", "x"}, {"masquerade", "false"}}),
                HasSubstr("option 'masquerade' is not known to driver 'macvlan'"));
    const auto config = driver_->network_create(link({{"parent", "nosuch"}}), {}).value();
    EXPECT_EQ(driver_->prepare(request("one", config), new_netns().get()).error().message(),
              "parent 'nosuch': the host has no such interface");
    auto ported = request("one", config);
    ported.ports = {published(80, 80)};
    EXPECT_THAT(driver_->validate(ported).error().message(), HasSubstr("publishes no ports"));
}

}  // namespace
}  // namespace gantry::net
