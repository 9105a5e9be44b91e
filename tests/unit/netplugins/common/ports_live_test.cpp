#include "host.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace gantry::net {
namespace {

using driver::Protocol;
using testing::HasSubstr;
using testing::Not;

class PortsLive : public LiveHost {
protected:
    void SetUp() override {
        LiveHost::SetUp();
        world_ = outside();
        config_ = network();
        web_ = new_netns();
        server_ = listen_in(web_.get(), Protocol::tcp, 80);
    }
    driver::AttachStatus publish(std::vector<driver::PublishedPort> ports) {
        auto wanted = request("web", config_);
        wanted.ports = std::move(ports);
        return must_prepare(wanted, web_.get());
    }
    os::Fd world_, web_, server_;
    driver::NetworkConfig config_;
};

TEST_F(PortsLive, FromOutsideOnBothFamilies) {
    publish({published(8080, 80)});
    EXPECT_EQ(connect_from(world_.get(), "192.0.2.1", 8080, server_.get()).peer, "192.0.2.2");
    EXPECT_EQ(connect_from(world_.get(), "2001:db8::1", 8080, server_.get()).peer, "2001:db8::2");
    EXPECT_EQ(connect_from(world_.get(), "192.0.2.1", 8081, server_.get()).problem, ECONNREFUSED);
}

TEST_F(PortsLive, FromTheHostItself) {
    const auto status = publish({published(8080, 80)});
    EXPECT_TRUE(connect_from(host(), "192.0.2.1", 8080, server_.get()).connected);
    EXPECT_EQ(connect_from(host(), "127.0.0.1", 8080, server_.get()).peer, "10.88.0.1");
    EXPECT_TRUE(connect_from(host(), "10.88.0.1", 8080, server_.get()).connected);
    EXPECT_TRUE(connect_from(host(), "2001:db8::1", 8080, server_.get()).connected);
    // Not possible, so refused at once: clients of "localhost" go on to 127.0.0.1.
    EXPECT_EQ(connect_from(host(), "::1", 8080, server_.get()).problem, ECONNREFUSED);
    EXPECT_TRUE(connect_from(host(), bare(status.addresses[0]), 80, server_.get()).connected);
}

TEST_F(PortsLive, FromOtherContainersAndFromItself) {
    publish({published(8080, 80)});
    const os::Fd other = new_netns();
    must_prepare(request("other", config_), other.get());
    for (const char* address : {"192.0.2.1", "10.88.0.1", "2001:db8::1", "fd00:6761:6e74::1"}) {
        EXPECT_TRUE(connect_from(other.get(), address, 8080, server_.get()).connected) << address;
        EXPECT_TRUE(connect_from(web_.get(), address, 8080, server_.get()).connected) << address;
    }
    const auto back = network("back");
    const os::Fd foreign = new_netns();
    must_prepare(request("foreign", back), foreign.get());
    EXPECT_TRUE(connect_from(foreign.get(), "192.0.2.1", 8080, server_.get()).connected);
    EXPECT_TRUE(connect_from(foreign.get(), "2001:db8::1", 8080, server_.get()).connected);
}

TEST_F(PortsLive, OnOneAddressOnly) {
    publish({published(8080, 80, Protocol::tcp, "127.0.0.1"), published(8081, 80, Protocol::tcp, "192.0.2.1")});
    EXPECT_TRUE(connect_from(host(), "127.0.0.1", 8080, server_.get()).connected);
    EXPECT_TRUE(closed_to(world_.get(), "192.0.2.1", 8080, server_.get()));
    EXPECT_TRUE(connect_from(world_.get(), "192.0.2.1", 8081, server_.get()).connected);
    EXPECT_TRUE(closed_to(host(), "127.0.0.1", 8081, server_.get()));
}

TEST_F(PortsLive, Udp) {
    const os::Fd udp = listen_in(web_.get(), Protocol::udp, 53);
    publish({published(5353, 53, Protocol::udp)});
    EXPECT_EQ(datagram_from(world_.get(), "192.0.2.1", 5353, udp.get()), "192.0.2.2");
    EXPECT_EQ(datagram_from(world_.get(), "2001:db8::1", 5353, udp.get()), "2001:db8::2");
    EXPECT_EQ(datagram_from(host(), "127.0.0.1", 5353, udp.get()), "10.88.0.1");
}

TEST_F(PortsLive, AUdpConversationFollowsTheContainer) {
    auto first = request("first", config_);
    first.ports = {published(5353, 53, Protocol::udp)};
    const os::Fd client = udp_client(world_.get(), "192.0.2.1", 5353);
    ASSERT_EQ(send(client.get(), "x", 1, 0), 1);  // before anything is published: an entry that leads nowhere
    const os::Fd udp = listen_in(web_.get(), Protocol::udp, 53);
    must_prepare(first, web_.get());
    EXPECT_EQ(datagram_from(-1, "", 0, udp.get(), client.get()), "192.0.2.2");
    ASSERT_TRUE(driver_->teardown("first", config_, true).ok());
    auto second = first;
    second.container = "second";
    const os::Fd netns = new_netns();
    const os::Fd other = listen_in(netns.get(), Protocol::udp, 53);
    must_prepare(second, netns.get());
    EXPECT_EQ(datagram_from(-1, "", 0, other.get(), client.get()), "192.0.2.2");
}

TEST_F(PortsLive, Sctp) {
    const os::Fd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP));
    if (!probe) GTEST_SKIP() << "this kernel has no SCTP";
    const os::Fd sctp = listen_in(web_.get(), Protocol::sctp, 132);
    publish({published(9132, 132, Protocol::sctp)});
    EXPECT_TRUE(connect_from(world_.get(), "192.0.2.1", 9132, sctp.get(), Protocol::sctp).connected);
}

TEST_F(PortsLive, ConflictsNameTheOther) {
    publish({published(8080, 80)});
    auto other = request("other", config_);
    other.ports = {published(8080, 80)};
    const auto refused = driver_->validate(other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message(), "port 8080/tcp is already published by 'web'");
    EXPECT_EQ(refused.error().code(), Errc::in_use);
    const os::Fd netns = new_netns();
    const auto late = driver_->prepare(other, netns.get());
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().message(), "port 8080/tcp is already published by 'web'");
    EXPECT_TRUE(connect_from(world_.get(), "192.0.2.1", 8080, server_.get()).connected);

    const os::Fd local = listen_in(host(), Protocol::tcp, 9090);
    other.ports = {published(9090, 80)};
    const auto bound = driver_->validate(other);
    ASSERT_FALSE(bound.ok());
    EXPECT_EQ(bound.error().message(), "port 9090/tcp is in use on the host");
    other.ports = {published(9091, 80, Protocol::tcp, "198.51.100.7")};
    const auto foreign = driver_->validate(other);
    ASSERT_FALSE(foreign.ok());
    EXPECT_EQ(foreign.error().message(), "port 9091/tcp: address '198.51.100.7' is not this host's");
}

TEST_F(PortsLive, AnyFreePort) {
    const auto status = publish({published(0, 80), published(0, 80)});
    ASSERT_EQ(status.ports.size(), 2U);
    EXPECT_NE(status.ports[0].host_port, status.ports[1].host_port);
    EXPECT_GE(status.ports[0].host_port, 32768);
    for (const auto& port : status.ports)
        EXPECT_TRUE(connect_from(world_.get(), "192.0.2.1", port.host_port, server_.get()).connected);
}

TEST_F(PortsLive, ARangeOfThousandsIsOneTransaction) {
    std::vector<driver::PublishedPort> ports;
    for (std::uint16_t port = 20000; port < 24000; ++port) ports.push_back(published(port, 80));
    publish(ports);
    EXPECT_TRUE(connect_from(world_.get(), "192.0.2.1", 23999, server_.get()).connected);
    ASSERT_TRUE(driver_->teardown("web", config_, true).ok());
    EXPECT_THAT(run("nft list map inet gantry any4"), Not(HasSubstr("2399")));
}

TEST_F(PortsLive, TeardownClosesThePortAndOnlyItsOwn) {
    publish({published(8080, 80)});
    // A note that claims another's port, as a start killed between its note and the kernel's refusal leaves it.
    std::filesystem::copy_file(folder_ / "run/net/bridge/web", folder_ / "run/net/bridge/thief");
    ASSERT_TRUE(driver_->teardown("thief", config_, true).ok() || true);
    EXPECT_THAT(run("nft list map inet gantry any4"), HasSubstr("8080 comment \"bridge/web\""));
    ASSERT_TRUE(driver_->teardown("web", config_, true).ok());
    EXPECT_THAT(run("nft list map inet gantry any4"), Not(HasSubstr("8080")));
    EXPECT_TRUE(closed_to(world_.get(), "192.0.2.1", 8080, server_.get()));
}

}  // namespace
}  // namespace gantry::net
