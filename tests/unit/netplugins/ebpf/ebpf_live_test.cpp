// What only the eBPF driver promises: nobody sends in another's name, and programs that are gone come back.
#include "host.hpp"
#include "routes.hpp"

#include "os/netns.hpp"
#include "route/loader.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

namespace gantry::net {

const char* const tested_driver = "ebpf";

namespace {

ebpf::Places places(const std::filesystem::path& folder) {
    // A bpffs of each test's own, in a mount namespace of this program's.
    static const bool alone = unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    EXPECT_TRUE(alone) << strerror(errno);
    if (!std::filesystem::exists(folder / "bpf")) {
        std::filesystem::create_directory(folder / "bpf");
        EXPECT_EQ(mount("bpf", (folder / "bpf").c_str(), "bpf", 0, nullptr), 0) << strerror(errno);
    }
    return {.run_dir = folder / "run", .pins = folder / "bpf/gantry", .load = route::load, .cgroup = ""};
}

}  // namespace

std::unique_ptr<driver::NetworkDriver> make_tested_driver(const std::filesystem::path& folder) {
    return ebpf::make_driver(folder / "data", places(folder));
}

namespace {

using driver::Protocol;
using testing::HasSubstr;
using testing::Not;

class EbpfLive : public LiveHost {
protected:
    // One UDP datagram to port 9 in a frame of the sender's own making, out of eth0 of a namespace.
    static void send_frame(int netns, const std::string& source, const std::string& destination, std::uint16_t type) {
        const Address from = Address::parse(source).value(), to = Address::parse(destination).value();
        auto visit = os::NetnsVisit::enter(netns);
        std::string frame("\xff\xff\xff\xff\xff\xff\x02\x67\x01\x02\x03\x04", 12);
        frame += {static_cast<char>(type >> 8), static_cast<char>(type & 0xff)};
        const std::string udp("\x30\x39\x00\x09\x00\x09\x00\x00x", 9);
        if (from.family == Family::v4) {
            std::string ip("\x45\x00\x00\x1d\x00\x00\x00\x00\x40\x11\x00\x00", 12);
            ip += from.bytes() + to.bytes();
            std::uint32_t sum = 0;
            for (std::size_t at = 0; at < ip.size(); at += 2)
                sum += static_cast<unsigned>(static_cast<unsigned char>(ip[at]) << 8 | static_cast<unsigned char>(ip[at + 1]));
            sum = ~((sum & 0xffff) + (sum >> 16));
            ip[10] = static_cast<char>(sum >> 8);
            ip[11] = static_cast<char>(sum);
            frame += ip + udp;
        } else {
            frame += std::string("\x60\x00\x00\x00\x00\x09\x11\x40", 8) + from.bytes() + to.bytes() + udp;
        }
        // To the gateway, whose MAC the host's end has.
        const std::string gateway = interface_mac("gantry0");
        frame.replace(0, 6, gateway);
        const os::Fd raw(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
        sockaddr_ll link{};
        link.sll_family = AF_PACKET;
        link.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
        link.sll_halen = 6;
        EXPECT_EQ(sendto(raw.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&link), sizeof link),
                  static_cast<ssize_t>(frame.size()));
    }
    // What came in by UDP in a namespace, and how often: the kernel's own counters, which see what no socket does. (A checksum
    // of zero is an error in IPv6.)
    std::string received(int netns) {
        return run("nstat -asz UdpNoPorts Udp6NoPorts Udp6InErrors | grep -v '^#' | tr -s ' '", netns);
    }
};

TEST_F(EbpfLive, NobodySendsInAnothersName) {
    const auto config = network();
    const os::Fd one = new_netns(), two = new_netns();
    const auto first = must_prepare(request("one", config), one.get());
    const auto second = must_prepare(request("two", config), two.get());
    // Its own source gets there, so the frames are right and the counters count.
    const std::string quiet = received(two.get());
    send_frame(one.get(), bare(first.addresses[0]), bare(second.addresses[0]), ETH_P_IP);
    const std::string once_v4 = received(two.get());
    EXPECT_NE(once_v4, quiet);
    send_frame(one.get(), bare(first.addresses[1]), bare(second.addresses[1]), ETH_P_IPV6);
    const std::string once = received(two.get());
    EXPECT_NE(once, once_v4);
    for (const auto& [source, destination] : {std::pair{std::string("10.88.0.1"), bare(second.addresses[0])},
                                              {"192.0.2.9", bare(second.addresses[0])},
                                              {bare(second.addresses[0]), bare(second.addresses[0])}})
        send_frame(one.get(), source, destination, ETH_P_IP);
    send_frame(one.get(), "fd00:6761:6e74::1", bare(second.addresses[1]), ETH_P_IPV6);
    send_frame(one.get(), "::", bare(second.addresses[1]), ETH_P_IPV6);
    EXPECT_EQ(received(two.get()), once);
    // Nor to the host.
    const std::string host_before = received(host());
    send_frame(one.get(), bare(second.addresses[0]), "10.88.0.1", ETH_P_IP);
    send_frame(one.get(), "fe80::1", "fd00:6761:6e74::1", ETH_P_IPV6);
    EXPECT_EQ(received(host()), host_before);
    send_frame(one.get(), bare(first.addresses[0]), "10.88.0.1", ETH_P_IP);
    EXPECT_NE(received(host()), host_before);
}

TEST_F(EbpfLive, LiesAboutNeighboursReachNobody) {
    const auto config = network();
    const os::Fd one = new_netns(), two = new_netns();
    const auto first = must_prepare(request("one", config), one.get());
    must_prepare(request("two", config), two.get());
    const std::string neighbours = run("ip neigh", two.get());
    EXPECT_THAT(neighbours, HasSubstr("10.88.0.1 dev eth0"));
    EXPECT_THAT(neighbours, HasSubstr("PERMANENT"));
    const std::string host_before = run("ip neigh show dev gantry0");
    send_frame(one.get(), bare(first.addresses[0]), "10.88.0.1", ETH_P_ARP);
    EXPECT_EQ(run("ip neigh", two.get()), neighbours);
    EXPECT_EQ(run("ip neigh show dev gantry0"), host_before);
}

TEST_F(EbpfLive, RemovedPinsComeBackWithTheNextStart) {
    const auto config = network();
    const os::Fd one = new_netns(), two = new_netns(), three = new_netns();
    const auto first = must_prepare(request("one", config), one.get());
    must_prepare(request("two", config), two.get());
    run("rm -r " + (folder_ / "bpf/gantry").string());
    const auto third = must_prepare(request("three", config), three.get());
    const os::Fd server = listen_in(one.get(), Protocol::tcp, 80);
    for (const std::size_t family : {0U, 1U}) {
        EXPECT_EQ(connect_from(three.get(), bare(first.addresses[family]), 80, server.get()).peer,
                  bare(third.addresses[family]));
        EXPECT_TRUE(connect_from(two.get(), bare(first.addresses[family]), 80, server.get()).connected);
        EXPECT_TRUE(connect_from(host(), bare(first.addresses[family]), 80, server.get()).connected);
    }
    run("rm -r " + (folder_ / "bpf/gantry").string());
    const auto reloaded = driver_->network_reload(config);
    EXPECT_TRUE(reloaded.ok()) << reloaded.error().message();
    EXPECT_TRUE(connect_from(two.get(), bare(first.addresses[0]), 80, server.get()).connected);
}

TEST_F(EbpfLive, OnKernelsThatHaveOneWayOfAttachingOnly) {
    for (const auto ways : {ebpf::Places::Ways::filters, ebpf::Places::Ways::tcx}) {
        ebpf::Places other = places(folder_);
        other.ways = ways;
        driver_ = ebpf::make_driver(folder_ / "data", other);
        const auto config = network();
        const os::Fd one = new_netns(), two = new_netns();
        const auto first = must_prepare(request("one", config), one.get());
        const auto second = must_prepare(request("two", config), two.get());
        const bool filtered = run("tc filter show dev gantry0 egress").find("route_to_container") != std::string::npos;
        EXPECT_EQ(filtered, ways == ebpf::Places::Ways::filters);
        const os::Fd server = listen_in(two.get(), Protocol::tcp, 80);
        // The second time with new programs, which take the place of those that are attached.
        for (int round = 0; round < 2; ++round) {
            for (const std::size_t family : {0U, 1U}) {
                EXPECT_EQ(connect_from(one.get(), bare(second.addresses[family]), 80, server.get()).peer,
                          bare(first.addresses[family]));
                EXPECT_TRUE(connect_from(host(), bare(second.addresses[family]), 80, server.get()).connected);
            }
            run("rm -r " + (folder_ / "bpf/gantry").string());
            EXPECT_TRUE(driver_->network_reload(config).ok());
        }
        for (const char* name : {"one", "two"}) EXPECT_TRUE(driver_->teardown(name, config, false).ok());
        EXPECT_TRUE(driver_->network_remove(config).ok());
        networks_.clear();
    }
}

TEST_F(EbpfLive, AStopForgetsTheAddress) {
    const auto config = network();
    const os::Fd one = new_netns();
    const auto status = must_prepare(request("one", config), one.get());
    auto pins = route::Pins::open(folder_ / "bpf/gantry");
    ASSERT_TRUE(pins.ok());
    const route_address address = route::address_of(Address::parse(bare(status.addresses[0])).value().bytes());
    route_container found{};
    EXPECT_TRUE(pins->find(address, found).value());
    EXPECT_EQ(found.network, if_nametoindex("gantry0"));
    ASSERT_TRUE(driver_->teardown("one", config, true).ok());
    EXPECT_FALSE(pins->find(address, found).value());
}

TEST_F(EbpfLive, AKernelThatRefusesSaysItOnOneLine) {
    ebpf::Places refusing = places(folder_);
    refusing.load = [](const std::string&) -> Result<> {
        return error(Errc::unsupported, "load the route programs (R1 invalid mem access)");
    };
    driver_ = ebpf::make_driver(folder_ / "data", refusing);
    EXPECT_EQ(driver_->probe().error().message(), "load the route programs (R1 invalid mem access)");
    const auto config = network();
    EXPECT_FALSE(driver_->prepare(request("web", config), new_netns().get()).ok());
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_THAT(run("ip -br link"), Not(HasSubstr("veth")));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run/net/bridge/web"));
    refusing.pins = folder_ / "no-bpffs/gantry";
    EXPECT_THAT(ebpf::make_driver(folder_ / "data", refusing)->probe().error().message(), HasSubstr("no bpffs is mounted"));
}

}  // namespace
}  // namespace gantry::net
