#include "host.hpp"

#include "os/file.hpp"
#include "os/netns.hpp"

#include <gmock/gmock.h>

namespace gantry::net {
namespace {

using testing::HasSubstr;
using testing::Not;

class AttachLive : public LiveHost {};

TEST_F(AttachLive, AContainerGetsAddressesRoutesAndTheWorld) {
    const os::Fd world = outside();
    const auto config = network();
    const os::Fd netns = new_netns();
    const auto status = must_prepare(request("web", config), netns.get());
    ASSERT_EQ(status.addresses.size(), 2U);
    EXPECT_EQ(status.interface, "eth0");
    EXPECT_EQ(status.gateways, (std::vector<std::string>{"10.88.0.1", "fd00:6761:6e74::1"}));
    const std::string inside = run("ip addr show; ip route; ip -6 route", netns.get());
    EXPECT_THAT(inside, HasSubstr(status.addresses[0]));
    EXPECT_THAT(inside, HasSubstr(status.addresses[1]));
    EXPECT_THAT(inside, HasSubstr(status.mac));
    EXPECT_THAT(inside, Not(HasSubstr("scope global tentative")));
    EXPECT_THAT(inside, HasSubstr("default via 10.88.0.1 dev eth0"));
    EXPECT_THAT(inside, HasSubstr("default via fd00:6761:6e74::1 dev eth0"));
    // The world has no route back: it sees the host's address.
    const os::Fd server = listen_in(world.get(), driver::Protocol::tcp, 80);
    EXPECT_EQ(connect_from(netns.get(), "192.0.2.2", 80, server.get()).peer, "192.0.2.1");
    EXPECT_EQ(connect_from(netns.get(), "2001:db8::2", 80, server.get()).peer, "2001:db8::1");
    EXPECT_THAT(run("ip link"), HasSubstr("alias gantry bridge/web"));
}

TEST_F(AttachLive, ContainersOfANetworkReachEachOtherAndTheHost) {
    const auto config = network();
    const os::Fd one = new_netns(), two = new_netns();
    const auto first = must_prepare(request("one", config), one.get());
    const auto second = must_prepare(request("two", config), two.get());
    ASSERT_EQ(second.addresses.size(), 2U);
    const os::Fd server = listen_in(two.get(), driver::Protocol::tcp, 80);
    EXPECT_EQ(connect_from(one.get(), bare(second.addresses[0]), 80, server.get()).peer, bare(first.addresses[0]));
    EXPECT_EQ(connect_from(one.get(), bare(second.addresses[1]), 80, server.get()).peer, bare(first.addresses[1]));
    const os::Fd host_server = listen_in(host(), driver::Protocol::tcp, 81);
    EXPECT_TRUE(connect_from(one.get(), "10.88.0.1", 81, host_server.get()).connected);
}

TEST_F(AttachLive, TheLeaseIsStableAndFreedWhenAsked) {
    const auto config = network();
    os::Fd netns = new_netns();
    const auto before = must_prepare(request("web", config), netns.get());
    ASSERT_TRUE(driver_->teardown("web", config, true).ok());
    EXPECT_EQ(driver_->leases(config)->size(), 2U);
    netns = new_netns();
    const auto after = must_prepare(request("web", config), netns.get());
    EXPECT_EQ(before.addresses, after.addresses);
    EXPECT_EQ(before.mac, after.mac);
    ASSERT_TRUE(driver_->teardown("web", config, false).ok());
    ASSERT_TRUE(driver_->teardown("web", config, false).ok());
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_THAT(run("ip link"), Not(HasSubstr("veth")));
}

TEST_F(AttachLive, StaticAddressesAndMacAndMtu) {
    driver::NetworkConfig config = network();
    config.mtu = 1400;
    auto wanted = request("web", config);
    wanted.ipv4 = "10.88.7.7";
    wanted.ipv6 = "fd00:6761:6e74::77";
    wanted.mac = "02:00:00:00:00:07";
    const os::Fd netns = new_netns();
    const auto status = must_prepare(wanted, netns.get());
    EXPECT_EQ(status.addresses, (std::vector<std::string>{"10.88.7.7/16", "fd00:6761:6e74::77/64"}));
    EXPECT_EQ(status.mac, "02:00:00:00:00:07");
    EXPECT_THAT(run("ip link show eth0", netns.get()), HasSubstr("mtu 1400"));
    auto other = wanted;
    other.container = "db";
    const auto refused = driver_->validate(other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message(), "address '10.88.7.7' is leased to 'web'");
    EXPECT_FALSE(driver_->prepare(other, netns.get()).ok());
}

TEST_F(AttachLive, AFailedPrepareLeavesNothing) {
    const auto config = network();
    const os::Fd netns = new_netns();
    run("ip link add eth0 type bridge", netns.get());  // in the way
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const auto refused = driver_->prepare(wanted, netns.get());
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message(), HasSubstr("make interface 'eth0'"));
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_THAT(run("ip link; nft list ruleset"), Not(testing::AnyOf(HasSubstr("veth"), HasSubstr("8080"))));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run/net/bridge/web"));
}

TEST_F(AttachLive, AnotherPrepareReplacesWhatACrashLeft) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd first = new_netns();  // still alive: as if another container shared it
    must_prepare(wanted, first.get());
    const os::Fd second = new_netns();
    must_prepare(wanted, second.get());
    EXPECT_THAT(run("ip link", first.get()), Not(HasSubstr("eth0")));
    EXPECT_THAT(run("ip link", second.get()), HasSubstr("eth0"));
}

TEST_F(AttachLive, TwoNetworksAndTheDefaultRouteOfOne) {
    const auto one = network();
    const auto two = network("back");
    EXPECT_EQ(two.subnets[0].cidr, "10.89.0.0/16");
    EXPECT_EQ(two.subnets[1].cidr, "fd00:6761:6e74:1::/64");
    const os::Fd netns = new_netns();
    must_prepare(request("web", one), netns.get());
    auto second = request("web", two);
    second.interface = "eth1";
    second.default_route = false;
    must_prepare(second, netns.get());
    const std::string routes = run("ip route", netns.get());
    EXPECT_THAT(routes, HasSubstr("default via 10.88.0.1 dev eth0"));
    EXPECT_THAT(routes, testing::ContainsRegex("10.89.0.0/16 (via 10.89.0.1 )?dev eth1"));
    EXPECT_THAT(routes, Not(HasSubstr("default via 10.89")));
}

TEST_F(AttachLive, NoRouterAdvertisementIsBelievedInside) {
    const auto config = network();
    const os::Fd netns = new_netns();
    must_prepare(request("web", config), netns.get());
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/eth0/accept_ra", netns.get()), "0\n");
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/gantry0/accept_ra"), "0\n");
}

}  // namespace
}  // namespace gantry::net
