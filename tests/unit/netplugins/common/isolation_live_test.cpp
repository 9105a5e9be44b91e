#include "host.hpp"

#include <gmock/gmock.h>

namespace gantry::net {
namespace {

using driver::Protocol;
using testing::HasSubstr;

class IsolationLive : public LiveHost {
protected:
    struct Box {
        os::Fd netns, server;
        std::string v4, v6;
    };
    Box box(const std::string& name, const driver::NetworkConfig& config) {
        Box made{new_netns(), os::Fd(), "", ""};
        made.server = listen_in(made.netns.get(), Protocol::tcp, 80);
        const auto status = must_prepare(request(name, config), made.netns.get());
        made.v4 = bare(status.addresses.at(0));
        made.v6 = bare(status.addresses.at(1));
        return made;
    }
};

TEST_F(IsolationLive, NetworksDoNotReachEachOtherUnlessTheyMay) {
    const auto blue = network("blue");
    auto green = network("green");
    green.isolated = false;
    const Box one = box("one", blue), two = box("two", green);
    EXPECT_TRUE(closed_to(two.netns.get(), one.v4, 80, one.server.get()));
    EXPECT_TRUE(closed_to(two.netns.get(), one.v6, 80, one.server.get()));
    EXPECT_EQ(connect_from(one.netns.get(), two.v4, 80, two.server.get()).peer, one.v4);
    EXPECT_EQ(connect_from(one.netns.get(), two.v6, 80, two.server.get()).peer, one.v6);
}

TEST_F(IsolationLive, TheOutsideReachesPublishedPortsOnly) {
    const os::Fd world = outside();
    const auto config = network();
    const Box web = box("web", config);
    run("ip route add 10.88.0.0/13 via 192.0.2.1; ip -6 route add fd00:6761:6e74::/48 via 2001:db8::1", world.get());
    EXPECT_TRUE(closed_to(world.get(), web.v4, 80, web.server.get()));
    EXPECT_TRUE(closed_to(world.get(), web.v6, 80, web.server.get()));
    auto open = network("open");
    open.options = {{"access", "all"}, {"masquerade", "false"}};
    const Box routed = box("routed", open);
    EXPECT_EQ(connect_from(world.get(), routed.v4, 80, routed.server.get()).peer, "192.0.2.2");
    const os::Fd world_server = listen_in(world.get(), Protocol::tcp, 80);
    EXPECT_EQ(connect_from(routed.netns.get(), "192.0.2.2", 80, world_server.get()).peer, routed.v4);
}

TEST_F(IsolationLive, AnInternalNetworkHasNoWayOut) {
    const os::Fd world = outside();
    const os::Fd world_server = listen_in(world.get(), Protocol::tcp, 80);
    auto config = network("inner");
    config.internal = true;
    const auto other = network("other");
    const Box one = box("one", config), two = box("two", config), three = box("three", other);
    EXPECT_TRUE(connect_from(one.netns.get(), two.v4, 80, two.server.get()).connected);
    EXPECT_THAT(run("ip route; ip -6 route", one.netns.get()), testing::Not(HasSubstr("default")));
    // Even with a route of its own making.
    run("ip route add default via 10.88.0.1; ip -6 route add default via fd00:6761:6e74::1", one.netns.get());
    EXPECT_TRUE(closed_to(one.netns.get(), "192.0.2.2", 80, world_server.get()));
    EXPECT_TRUE(closed_to(one.netns.get(), "2001:db8::2", 80, world_server.get()));
    EXPECT_TRUE(closed_to(one.netns.get(), three.v4, 80, three.server.get()));
    EXPECT_TRUE(closed_to(three.netns.get(), one.v4, 80, one.server.get()));
}

TEST_F(IsolationLive, TheHostsLoopbackIsNotTheContainers) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};  // which makes the bridge take packets for 127.0.0.0/8
    const os::Fd web = new_netns();
    must_prepare(wanted, web.get());
    EXPECT_EQ(run("cat /proc/sys/net/ipv4/conf/gantry0/route_localnet"), "1\n");
    const os::Fd secret = listen_in(host(), Protocol::tcp, 5432);
    run("ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 10.88.0.1; echo 1 > "
        "/proc/sys/net/ipv4/conf/all/route_localnet",
        web.get());
    EXPECT_TRUE(closed_to(web.get(), "127.0.0.1", 5432, secret.get()));
}

TEST_F(IsolationLive, TheHostDoesNotBecomeARouter) {
    const os::Fd world = outside();
    // A second card, and a host behind it. Both cards are macvlans: plain veth pairs are left to whoever made them.
    const os::Fd lan = new_netns();
    const std::string path = fmt::format("/proc/{}/fd/{}", getpid(), lan.get());
    run("ip link add port type veth peer name far && ip link set far netns " + path + "; ip link set port up");
    run("echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore");  // or the cables below answer for the cards
    run("ip link add card1 link uplink type macvlan; ip addr add 198.51.100.1/24 dev card1; ip link set card1 up");
    run("ip link add card2 link port type macvlan; ip addr add 203.0.113.1/24 dev card2; ip link set card2 up");
    run("ip addr add 198.51.100.2/24 dev cable; ip route add default via 198.51.100.1", world.get());
    run("ip addr add 203.0.113.2/24 dev far; ip link set far up; ip route add default via 203.0.113.1", lan.get());
    run("echo 0 > /proc/sys/net/ipv4/ip_forward");
    const auto config = network();
    const os::Fd web = new_netns();
    must_prepare(request("web", config), web.get());
    EXPECT_EQ(run("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    const os::Fd server = listen_in(lan.get(), Protocol::tcp, 80);
    EXPECT_TRUE(closed_to(world.get(), "203.0.113.2", 80, server.get()));
    ASSERT_TRUE(driver_->network_reload(config).ok());
    EXPECT_THAT(run("nft list set inet gantry closed"), HasSubstr("ipv4")) << "remembered over a reload";
    EXPECT_TRUE(closed_to(world.get(), "203.0.113.2", 80, server.get()));
    run("nft flush set inet gantry closed");
    EXPECT_TRUE(connect_from(world.get(), "203.0.113.2", 80, server.get()).connected) << "the test's own wiring";
}

TEST_F(IsolationLive, ForwardingThatWasOnStaysOpen) {
    run("echo 1 > /proc/sys/net/ipv4/ip_forward");
    const auto config = network();
    const os::Fd web = new_netns();
    must_prepare(request("web", config), web.get());
    EXPECT_THAT(run("nft list set inet gantry closed"), testing::Not(HasSubstr("ipv4")));
}

TEST_F(IsolationLive, RouterAdvertisementsOfTheHostStayBelieved) {
    run("ip link add nic type veth peer name nic2; echo 1 > /proc/sys/net/ipv6/conf/nic/accept_ra");
    const auto config = network();
    const os::Fd web = new_netns();
    must_prepare(request("web", config), web.get());
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/all/forwarding"), "1\n");
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/nic/accept_ra"), "2\n");
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/gantry0/accept_ra"), "0\n");
}

}  // namespace
}  // namespace gantry::net
