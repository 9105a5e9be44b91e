// Many at once, and more than a bridge has ports.
#include "host.hpp"

#include <gmock/gmock.h>

#include <sys/wait.h>
#include <unistd.h>

namespace gantry::net {
namespace {

using driver::Protocol;

class ManyLive : public LiveHost {
protected:
    // Every step in a process of its own, all at once; returns how many failed.
    int all(int count, const std::function<bool(int)>& step) {
        std::vector<pid_t> children;
        for (int number = 0; number < count; ++number) {
            const pid_t child = fork();
            if (child == 0) _exit(step(number) ? 0 : 1);
            children.push_back(child);
        }
        int failed = 0;
        for (const pid_t child : children) {
            int status = 1;
            waitpid(child, &status, 0);
            failed += status != 0;
        }
        return failed;
    }
};

TEST_F(ManyLive, ManyFirstStartsAtOnce) {
    // Nothing is there yet: table, bridge, folders and settings are made by whoever comes first.
    const auto config = network();
    constexpr int count = 40;
    std::vector<os::Fd> containers;
    for (int number = 0; number < count; ++number) containers.push_back(new_netns());
    const int failed = all(count, [&](int number) {
        auto wanted = request(fmt::format("c{}", number + 10), config);
        wanted.ports = {published(static_cast<std::uint16_t>(20000 + number), 80), published(0, 81)};
        const auto status = driver_->prepare(wanted, containers[static_cast<std::size_t>(number)].get());
        if (!status.ok()) fmt::print(stderr, "{}\n", status.error().message());
        return status.ok();
    });
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(driver_->leases(config)->size(), 2U * count);
    const os::Fd server = listen_in(containers.back().get(), Protocol::tcp, 80);
    EXPECT_TRUE(connect_from(host(), "127.0.0.1", 20000 + count - 1, server.get()).connected);
    containers.clear();
    EXPECT_EQ(all(count, [&](int number) { return driver_->teardown(fmt::format("c{}", number + 10), config, false).ok(); }),
              0);
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_THAT(run("nft list map inet gantry any4"), testing::Not(testing::HasSubstr("elements")));
}

TEST_F(ManyLive, StartsAndStopsOfOneNameInAnyOrder) {
    const auto config = network();
    std::vector<os::Fd> containers;
    for (int number = 0; number < 20; ++number) containers.push_back(new_netns());
    (void)all(20, [&](int number) {
        auto wanted = request("web", config);
        wanted.ports = {published(8080, 80)};
        if (number % 2 == 0) return driver_->prepare(wanted, containers[static_cast<std::size_t>(number)].get()).ok();
        return driver_->teardown("web", config, true).ok();
    });
    containers.clear();
    EXPECT_TRUE(driver_->teardown("web", config, false).ok());
    EXPECT_TRUE(driver_->recover(config, {}, {}, false).ok());
    EXPECT_TRUE(driver_->leases(config)->empty());
    EXPECT_THAT(run("nft list map inet gantry any4"), testing::Not(testing::HasSubstr("elements")));
    EXPECT_TRUE(driver_->recover(config, {}, {}, true)->empty());
}

// Up to a minute: run it by hand with --gtest_also_run_disabled_tests. BridgeLive.MoreContainersThanABridgeHasPorts does the
// same with bridges of eight ports.
TEST_F(ManyLive, DISABLED_MoreThanABridgeHasPortsForReal) {
    const auto config = network();
    std::vector<os::Fd> containers;
    std::vector<driver::AttachStatus> statuses;
    for (int number = 0; number < 1101; ++number) {
        containers.push_back(new_netns());
        const auto status = driver_->prepare(request(fmt::format("c{}", number + 1000), config), containers.back().get());
        ASSERT_TRUE(status.ok()) << number << ": " << status.error().message();
        statuses.push_back(*status);
    }
    if (std::string_view(tested_driver) == "bridge") {
        EXPECT_THAT(run("ip -br link show master gantry0-1"), testing::HasSubstr("veth"));
    }
    const os::Fd world = outside();
    const os::Fd world_server = listen_in(world.get(), Protocol::tcp, 80);
    const os::Fd server = listen_in(containers.back().get(), Protocol::tcp, 80);
    // A broadcast is a thousand packets at once, more than the kernel's queue for them may hold: the second try is a client's
    // right.
    const auto reach = [&](int from, const std::string& address, int to) {
        for (int attempt = 0; attempt < 3; ++attempt)
            if (const Seen seen = connect_from(from, address, 80, to); seen.connected) return seen.peer;
        return std::string("nobody");
    };
    for (const std::size_t family : {0U, 1U}) {
        const std::string last = bare(statuses.back().addresses[family]);
        EXPECT_EQ(reach(containers.front().get(), last, server.get()), bare(statuses.front().addresses[family]));
        EXPECT_NE(reach(host(), last, server.get()), "nobody");
    }
    EXPECT_EQ(reach(containers.back().get(), "192.0.2.2", world_server.get()), "192.0.2.1");
    EXPECT_EQ(reach(containers.back().get(), "2001:db8::2", world_server.get()), "2001:db8::1");
}

}  // namespace
}  // namespace gantry::net
