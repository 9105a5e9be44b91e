// What the network interface promises, asked of every driver, in a network namespace of the test program's own (main.cpp) whose
// "containers" are more namespaces. Needs root. A new driver adds its line at the end.
#include "driver/loader.hpp"
#include "guard/loader.hpp"
#include "guard/pins.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "route/loader.hpp"
#include "route/pins.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace gantry;
using testing::IsEmpty;

namespace {

struct NetworkCase {
    const char* driver;
    bool connects;  // gives out interfaces and addresses
    bool own;       // networks of the engine's own: subnets of its pools, published ports
};

// The value of a Result that must be ok.
#define GOT(expression)                                                                                    \
    ({                                                                                                     \
        auto got_result_ = (expression);                                                                   \
        if (!got_result_.ok()) throw std::runtime_error(#expression ": " + got_result_.error().message()); \
        std::move(got_result_).value();                                                                    \
    })
#define EXPECT_GOOD(expression)                                           \
    do {                                                                  \
        auto good_result_ = (expression);                                 \
        EXPECT_TRUE(good_result_.ok()) << good_result_.error().message(); \
    } while (false)

// A network namespace with nothing but a descriptor to hold it: what a container's process has.
os::Fd new_netns() {
    os::Fd made;
    std::thread([&] {
        if (unshare(CLONE_NEWNET) == 0) made = GOT(os::open("/proc/thread-self/ns/net", O_RDONLY));
    }).join();
    return made;
}

template <class Body>
void inside(const os::Fd& netns, Body body) {
    std::thread([&] {
        ASSERT_EQ(setns(netns.get(), CLONE_NEWNET), 0);
        body();
    }).join();
}

std::vector<std::string> interfaces() {
    std::vector<std::string> names;
    struct if_nameindex* list = if_nameindex();
    for (const auto* at = list; at && at->if_index; ++at) names.emplace_back(at->if_name);
    if_freenameindex(list);
    std::ranges::sort(names);
    return names;
}

class NetworkConformance : public testing::TestWithParam<NetworkCase> {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/gantry-network-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        folder_ = pattern;
        // Every test has its own "host".
        ASSERT_EQ(unshare(CLONE_NEWNET), 0) << "network drivers need root";
        // What a start would have gantry-bpf-load do, which is not installed here.
        if (GetParam().connects) {
            const std::string pins = "/sys/fs/bpf/gantry", lock = folder_ + "/lock";
            ASSERT_EQ(mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr), 0) << strerror(errno);
            mounted_ = true;
            EXPECT_GOOD(route::Pins::open_or_make(pins, lock,
                                                  {route::load, [](route::Pins&, const std::string&) { return Result<>(); }}));
            EXPECT_GOOD(guard::Pins::open_or_make(pins, lock, guard::load));
        }
        driver_ = load();
        if (GetParam().connects && !GetParam().own)
            ASSERT_EQ(system("ip link add uplink type veth peer name cable && ip link set uplink up"), 0);
        driver::NetworkConfig wanted = named("green");
        if (GetParam().connects) wanted.subnets = {{.cidr = "10.99.0.0/24"}, {.cidr = "fd00:99::/64"}};
        network_ = GOT(driver_->network_create(wanted, {}));
        before_ = interfaces();
    }
    void TearDown() override {
        driver_.reset();
        if (mounted_) EXPECT_EQ(umount2("/sys/fs/bpf", MNT_DETACH), 0);
        if (!folder_.empty()) EXPECT_GOOD(os::remove_tree(folder_));
    }
    std::unique_ptr<driver::NetworkDriver> load() {
        auto made =
            GOT(driver::Loader(GANTRY_BUILD_DIR "/drivers", folder_ + "/data", folder_ + "/run").network(GetParam().driver));
        GOT(made->probe());
        return made;
    }
    static driver::NetworkConfig named(const char* name) {
        driver::NetworkConfig wanted{.name = name, .driver = GetParam().driver};
        if (GetParam().connects && !GetParam().own) wanted.options = {{"parent", "uplink"}};
        return wanted;
    }
    driver::AttachRequest request(const std::string& container) {
        return {.container = container, .container_id = std::string(64, 'a'), .network = network_, .interface = "eth0"};
    }
    void only_if_it_connects() {
        if (!GetParam().connects) GTEST_SKIP() << "this driver connects nothing, by design";
    }

    std::string folder_;
    bool mounted_ = false;  // a bpffs of its own
    std::unique_ptr<driver::NetworkDriver> driver_;
    driver::NetworkConfig network_;
    std::vector<std::string> before_;
};

TEST_P(NetworkConformance, CreateTouchesNoKernelObjectAndCompletes) {
    EXPECT_EQ(network_.name, "green");
    EXPECT_EQ(network_.driver, GetParam().driver);
    EXPECT_EQ(interfaces(), before_);
    if (GetParam().connects) {
        ASSERT_EQ(network_.subnets.size(), 2U);
        EXPECT_EQ(network_.subnets[0].gateway, "10.99.0.1");
    }
}

TEST_P(NetworkConformance, CreateRefusesUnknownOptions) {
    driver::NetworkConfig wanted = named("red");
    wanted.options.emplace_back("no_such_option", "1");
    auto made = driver_->network_create(wanted, {network_});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message(), testing::HasSubstr("no_such_option"));
}

TEST_P(NetworkConformance, AttachAndDetachLeaveNothing) {
    const os::Fd netns = new_netns();
    EXPECT_GOOD(driver_->validate(request("web")));
    const auto status = GOT(driver_->prepare(request("web"), netns.get()));
    EXPECT_EQ(status.network, "green");
    EXPECT_GOOD(driver_->teardown("web", network_, false));
    EXPECT_GOOD(driver_->teardown("web", network_, false));
    EXPECT_THAT(GOT(driver_->leases(network_)), IsEmpty());
    EXPECT_GOOD(driver_->network_remove(network_));
    EXPECT_GOOD(driver_->network_remove(network_));
    EXPECT_EQ(interfaces(), before_);
}

TEST_P(NetworkConformance, TeardownOfAStrangerIsNoError) {
    EXPECT_GOOD(driver_->teardown("never-seen", network_, false));
    EXPECT_GOOD(driver_->teardown("never-seen", network_, true));
}

TEST_P(NetworkConformance, ReloadAndRecoverOfAQuietNetworkFindNothing) {
    EXPECT_GOOD(driver_->network_reload(network_));
    EXPECT_THAT(GOT(driver_->recover(network_, {}, {}, true)), IsEmpty());
}

TEST_P(NetworkConformance, TheInterfaceIsInTheContainer) {
    only_if_it_connects();
    if (IsSkipped()) return;
    const os::Fd netns = new_netns();
    const auto status = GOT(driver_->prepare(request("web"), netns.get()));
    EXPECT_EQ(status.interface, "eth0");
    EXPECT_FALSE(status.mac.empty());
    EXPECT_EQ(status.addresses.size(), 2U);
    inside(netns, [] { EXPECT_THAT(interfaces(), testing::Contains("eth0")); });
    EXPECT_GOOD(driver_->teardown("web", network_, false));
}

TEST_P(NetworkConformance, AStopKeepsTheAddressARemovalFreesIt) {
    only_if_it_connects();
    if (IsSkipped()) return;
    const auto first = GOT(driver_->prepare(request("web"), new_netns().get()));
    EXPECT_GOOD(driver_->teardown("web", network_, true));
    EXPECT_FALSE(GOT(driver_->leases(network_)).empty());
    const auto other = GOT(driver_->prepare(request("shop"), new_netns().get()));
    EXPECT_NE(other.addresses, first.addresses);
    const auto again = GOT(load()->prepare(request("web"), new_netns().get()));
    EXPECT_EQ(again.addresses, first.addresses);
    EXPECT_EQ(again.mac, first.mac);
    for (const char* name : {"web", "shop"}) EXPECT_GOOD(driver_->teardown(name, network_, false));
    EXPECT_THAT(GOT(driver_->leases(network_)), IsEmpty());
}

TEST_P(NetworkConformance, AStaticAddressIsGivenOnceOnly) {
    only_if_it_connects();
    if (IsSkipped()) return;
    auto wanted = request("web");
    wanted.ipv4 = "10.99.0.77";
    const os::Fd netns = new_netns();
    EXPECT_THAT(GOT(driver_->prepare(wanted, netns.get())).addresses, testing::Contains("10.99.0.77/24"));
    wanted.container = "shop";
    const os::Fd second = new_netns();
    EXPECT_FALSE(driver_->prepare(wanted, second.get()).ok());
    inside(second, [] {
        EXPECT_THAT(interfaces(), testing::Not(testing::Contains("eth0"))) << "a refused attachment left its interface";
    });
    wanted.ipv4 = "192.0.2.1";
    EXPECT_FALSE(driver_->validate(wanted).ok()) << "an address outside the subnet";
    wanted.ipv4 = "10.99.0.1; drop";
    EXPECT_FALSE(driver_->validate(wanted).ok());
}

TEST_P(NetworkConformance, WhatACrashLeftIsReaped) {
    only_if_it_connects();
    if (IsSkipped()) return;
    auto wanted = request("web");
    if (GetParam().own) wanted.ports = {{.host_port = 18080, .container_port = 80}};
    (void)GOT(driver_->prepare(wanted, new_netns().get()));  // the namespace is gone with its last descriptor, no teardown
    EXPECT_THAT(GOT(driver_->recover(network_, {}, {}, true)), testing::Not(IsEmpty()));
    (void)GOT(driver_->recover(network_, {}, {}, false));
    EXPECT_THAT(GOT(driver_->recover(network_, {}, {}, false)), IsEmpty());
    EXPECT_THAT(GOT(driver_->leases(network_)), IsEmpty());
}

TEST_P(NetworkConformance, AnAttachedNetworkIsNotRemoved) {
    only_if_it_connects();
    if (IsSkipped()) return;
    const os::Fd netns = new_netns();
    (void)GOT(driver_->prepare(request("web"), netns.get()));
    auto removed = driver_->network_remove(network_);
    ASSERT_FALSE(removed.ok());
    EXPECT_EQ(removed.error().code(), Errc::in_use);
    EXPECT_GOOD(driver_->teardown("web", network_, false));
    EXPECT_GOOD(driver_->network_remove(network_));
}

TEST_P(NetworkConformance, AReservedAddressIsNoContainers) {
    if (!GetParam().own) {
        const auto refused = driver_->reserve("service:web", network_);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code(), Errc::unsupported);
        EXPECT_GOOD(driver_->release("service:web", network_));
        return;
    }
    const auto addresses = GOT(driver_->reserve("service:web", network_));
    EXPECT_EQ(addresses.size(), 2U);
    EXPECT_EQ(GOT(load()->reserve("service:web", network_)), addresses);
    EXPECT_NE(GOT(driver_->reserve("service:api", network_)), addresses);
    EXPECT_FALSE(driver_->reserve("web", network_).ok()) << "a container's name";
    EXPECT_FALSE(driver_->reserve("service:../web", network_).ok());
    auto wanted = request("web");
    wanted.ipv4 = addresses.front();
    EXPECT_FALSE(driver_->validate(wanted).ok());
    EXPECT_EQ(interfaces(), before_);
    EXPECT_THAT(GOT(driver_->recover(network_, {}, {"service:web", "service:api"}, true)), IsEmpty());
    for (int i = 0; i < 2; ++i) EXPECT_GOOD(driver_->release("service:web", network_));
    EXPECT_GOOD(driver_->validate(wanted));
    EXPECT_EQ(GOT(driver_->recover(network_, {}, {}, false)).size(), 2U) << "both addresses of the other one";
    EXPECT_THAT(GOT(driver_->leases(network_)), IsEmpty());
}

TEST_P(NetworkConformance, TheDefaultRouteMoves) {
    if (!GetParam().own) GTEST_SKIP() << "this driver does not change what runs";
    driver::NetworkConfig second = named("red");
    second.subnets = {{.cidr = "10.98.0.0/24"}, {.cidr = "fd00:98::/64"}};
    second = GOT(driver_->network_create(second, {network_}));
    const os::Fd netns = new_netns();
    auto green = request("web"), red = request("web");
    red.network = second;
    red.interface = "eth1";
    red.default_route = false;
    (void)GOT(driver_->prepare(green, netns.get()));
    (void)GOT(driver_->prepare(red, netns.get()));
    const auto leads_to = [&](const char* interface) {
        inside(netns, [&] {
            for (const char* to : {"-4 route get 192.0.2.1", "-6 route get 2001:db8::1"})
                EXPECT_EQ(system(fmt::format("ip {} | grep -q 'dev {} '", to, interface).c_str()), 0) << to;
            for (const char* to : {"-4 route get 10.99.0.77", "-6 route get fd00:99::77"})
                EXPECT_EQ(system(fmt::format("ip {} | grep -q 'dev eth0 '", to).c_str()), 0) << to;
            for (const char* to : {"-4 route get 10.98.0.77", "-6 route get fd00:98::77"})
                EXPECT_EQ(system(fmt::format("ip {} | grep -q 'dev eth1 '", to).c_str()), 0) << to;
        });
    };
    leads_to("eth0");
    red.default_route = true;
    green.default_route = false;
    EXPECT_GOOD(driver_->change(red, netns.get()));
    EXPECT_GOOD(driver_->change(green, netns.get()));
    leads_to("eth1");
    EXPECT_GOOD(driver_->change(green, netns.get()));  // again
    leads_to("eth1");
    green.default_route = true;
    red.default_route = false;
    EXPECT_GOOD(driver_->change(green, netns.get()));
    EXPECT_GOOD(driver_->change(red, netns.get()));
    leads_to("eth0");
    for (const auto& network : {network_, second}) EXPECT_GOOD(driver_->teardown("web", network, false));
    EXPECT_FALSE(driver_->change(green, netns.get()).ok()) << "it is not attached";
    EXPECT_GOOD(driver_->network_remove(second));
}

TEST_P(NetworkConformance, OverlappingSubnetsAreRefused) {
    only_if_it_connects();
    if (IsSkipped()) return;
    driver::NetworkConfig wanted = named("red");
    wanted.subnets = {{.cidr = "10.99.0.128/25"}};
    EXPECT_FALSE(driver_->network_create(wanted, {network_}).ok());
    if (!GetParam().own) return;
    wanted.subnets.clear();
    const auto red = GOT(driver_->network_create(wanted, {network_}));
    EXPECT_FALSE(red.subnets.empty());
}

INSTANTIATE_TEST_SUITE_P(Drivers, NetworkConformance,
                         testing::Values(NetworkCase{"noop", false, false}, NetworkCase{"bridge", true, true},
                                         NetworkCase{"ebpf", true, true}, NetworkCase{"macvlan", true, false}),
                         [](const auto& one) { return std::string(one.param.driver); });

}  // namespace
