// Not a test: numbers for the README, run by hand.
//     test_netplugins_bridge_live --gtest_also_run_disabled_tests --gtest_filter='*Speed*'
#include "host.hpp"

#include <chrono>

#include <sys/wait.h>
#include <unistd.h>

namespace gantry::net {
namespace {

class SpeedLive : public LiveHost {};

double milliseconds(const std::function<void()>& step) {
    const auto start = std::chrono::steady_clock::now();
    step();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void report(const char* what, std::vector<double> times) {
    std::ranges::sort(times);
    fmt::print("{:44} median {:6.2f} ms   90 % {:6.2f} ms   most {:6.2f} ms\n", what, times[times.size() / 2],
               times[times.size() * 9 / 10], times.back());
}

TEST_F(SpeedLive, DISABLED_PrepareAndTeardown) {
    const auto config = network();
    for (const bool ports : {false, true}) {
        std::vector<double> validates, prepares, live, dying;
        for (int round = 0; round < 100; ++round) {
            auto wanted = request("web", config);
            if (ports) wanted.ports = {published(8080, 80), published(5353, 53, driver::Protocol::udp)};
            os::Fd netns = new_netns();
            validates.push_back(milliseconds([&] { ASSERT_TRUE(driver_->validate(wanted).ok()); }));
            prepares.push_back(milliseconds([&] { ASSERT_TRUE(driver_->prepare(wanted, netns.get()).ok()); }));
            if (round == 0) fmt::print("first prepare {:.2f} ms\n", prepares.back());
            if (round % 10 == 0) {
                live.push_back(milliseconds([&] { ASSERT_TRUE(driver_->teardown("web", config, true).ok()); }));
            } else {
                netns.reset();
                usleep(5000);  // systemd takes longer from a process's end to ExecStopPost=
                dying.push_back(milliseconds([&] { ASSERT_TRUE(driver_->teardown("web", config, true).ok()); }));
            }
        }
        fmt::print("{}\n", ports ? "two published ports" : "no published port");
        report("validate", validates);
        report("prepare", prepares);
        report("teardown of an ended container", dying);
        report("teardown of a running one", live);
    }
}

TEST_F(SpeedLive, DISABLED_ManyAtOnce) {
    const auto config = network();
    constexpr int count = 200;
    std::vector<os::Fd> containers;
    for (int number = 0; number < count; ++number) containers.push_back(new_netns());
    const auto all = [&](const std::function<bool(int)>& step) {
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
        EXPECT_EQ(failed, 0);
    };
    const double nothing = milliseconds([&] { all([](int) { return true; }); });
    const double starts = milliseconds([&] {
        all([&](int number) {
            auto wanted = request(fmt::format("c{}", number + 10), config);
            wanted.ports = {published(static_cast<std::uint16_t>(10000 + number), 80)};
            const auto status = driver_->prepare(wanted, containers[static_cast<std::size_t>(number)].get());
            if (!status.ok()) fmt::print(stderr, "{}\n", status.error().message());
            return status.ok();
        });
    });
    containers.clear();
    const double stops = milliseconds(
        [&] { all([&](int number) { return driver_->teardown(fmt::format("c{}", number + 10), config, true).ok(); }); });
    fmt::print("{} processes at once: {:.0f} ms for nothing, {:.0f} ms for prepare, {:.0f} ms for teardown\n", count, nothing,
               starts, stops);
}

}  // namespace
}  // namespace gantry::net
