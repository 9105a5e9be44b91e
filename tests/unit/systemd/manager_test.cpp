// Needs systemd as PID 1 and root: skipped elsewhere, run by tests/bed/systemd.sh, where GANTRY_BED makes a skip a failure.
#include "os/file.hpp"
#include "systemd/manager.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

using namespace gantry;
using namespace std::chrono_literals;

namespace {

class ManagerTest : public testing::Test {
protected:
    void SetUp() override {
        if (os::path_exists("/run/systemd/private")) return;
        if (getenv("GANTRY_BED") != nullptr) FAIL() << "PID 1 is not systemd";
        GTEST_SKIP() << "PID 1 is not systemd";
    }

    // A unit below /run/systemd/system, new and so known without a daemon-reload.
    static std::string make_unit(const std::string& command, const std::string& more = "") {
        static int number = 0;
        const std::string unit = fmt::format("gantry-test-{}-{}.service", getpid(), ++number);
        const std::string text = "[Service]\nType=exec\nExecStart=" + command + "\n" + more;
        EXPECT_TRUE(os::write_file_atomic("/run/systemd/system/" + unit, text).ok());
        return unit;
    }

    static systemd::Manager connect() {
        auto manager = systemd::Manager::connect();
        EXPECT_TRUE(manager.ok()) << manager.error().message();
        return std::move(manager).value();
    }
};

}  // namespace

TEST_F(ManagerTest, starts_and_stops_a_unit) {
    auto manager = connect();
    const auto unit = make_unit("/bin/sleep 1000");
    auto started = manager.start(unit);
    ASSERT_TRUE(started.ok()) << started.error().message();
    auto state = manager.state(unit);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->active, "active");
    EXPECT_EQ(state->sub, "running");
    EXPECT_GT(state->main_pid, 1U);
    EXPECT_GT(state->started_us, 0U);
    EXPECT_NE(state->control_group.find(unit), std::string::npos);
    auto stopped = manager.stop(unit);
    ASSERT_TRUE(stopped.ok()) << stopped.error().message();
    EXPECT_EQ(manager.state(unit)->active, "inactive");
}

TEST_F(ManagerTest, an_unknown_unit_is_not_found_and_inactive) {
    auto manager = connect();
    auto started = manager.start("gantry-no-such-unit.service");
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code(), Errc::not_found) << started.error().message();
    EXPECT_EQ(manager.state("gantry-no-such-unit.service")->active, "inactive");
    EXPECT_TRUE(manager.reset_failed("gantry-no-such-unit.service").ok());
}

TEST_F(ManagerTest, a_failed_start_says_why) {
    auto manager = connect();
    const auto unit = make_unit("/bin/true", "ExecStartPre=/bin/sh -c 'exit 7'\n");
    auto started = manager.start(unit);
    ASSERT_FALSE(started.ok());
    EXPECT_NE(started.error().message().find("start unit '" + unit + "': the job ended as 'failed'"), std::string::npos)
        << started.error().message();
    EXPECT_TRUE(manager.reset_failed(unit).ok());
}

TEST_F(ManagerTest, many_units_start_together_and_one_failure_is_told_apart) {
    auto manager = connect();
    std::vector<std::string> units;
    for (int count = 0; count < 20; ++count) units.push_back(make_unit("/bin/sleep 1000"));
    units.push_back("gantry-no-such-unit.service");
    const auto outcomes = manager.start_all(units);
    ASSERT_EQ(outcomes.size(), 21U);
    for (std::size_t index = 0; index < 20; ++index) EXPECT_TRUE(outcomes[index].second.ok()) << outcomes[index].first;
    EXPECT_FALSE(outcomes[20].second.ok());
    units.pop_back();
    auto states = manager.states(units);
    ASSERT_TRUE(states.ok());
    for (const auto& state : *states) EXPECT_EQ(state.active, "active");
    auto listed = manager.list(fmt::format("gantry-test-{}-*", getpid()));
    ASSERT_TRUE(listed.ok());
    EXPECT_GE(listed->size(), 20U);
    for (const auto& [unit, stopped] : manager.stop_all(units)) EXPECT_TRUE(stopped.ok()) << unit;
}

TEST_F(ManagerTest, a_held_unit_tells_its_exit_status_after_the_end) {
    auto manager = connect();
    const auto failing = make_unit("/bin/sh -c 'sleep 0.1; exit 42'", "[Unit]\nCollectMode=inactive-or-failed\n");
    // Gone before the wait begins.
    const auto quick = make_unit("/bin/true");
    ASSERT_TRUE(manager.hold(failing).ok());
    ASSERT_TRUE(manager.hold(quick).ok());
    ASSERT_TRUE(manager.start(failing).ok());
    auto state = manager.wait_inactive(failing, 10s);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->result, "exit-code");
    EXPECT_EQ(state->exit_status, 42);
    ASSERT_TRUE(manager.start(quick).ok());
    state = manager.wait_inactive(quick, 10s);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->result, "success");
    EXPECT_EQ(state->exit_code, CLD_EXITED);
    EXPECT_GT(state->exited_us, 0U);
}

TEST_F(ManagerTest, waiting_has_an_end_and_signals_are_seen) {
    auto manager = connect();
    const auto unit = make_unit("/bin/sleep 1000");
    ASSERT_TRUE(manager.start(unit).ok());
    auto waited = manager.wait_inactive(unit, 50ms);
    ASSERT_FALSE(waited.ok());
    EXPECT_EQ(waited.error().code(), Errc::timeout);
    ASSERT_TRUE(manager.freeze(unit).ok());
    EXPECT_EQ(manager.state(unit)->freezer, "frozen");
    ASSERT_TRUE(manager.thaw(unit).ok());
    ASSERT_TRUE(manager.kill(unit, "main", SIGKILL).ok());
    auto state = manager.wait_inactive(unit, 10s);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->active, "failed");
    EXPECT_EQ(state->exit_code, CLD_KILLED);
    EXPECT_EQ(state->exit_status, SIGKILL);
    EXPECT_TRUE(manager.reset_failed(unit).ok());
}

TEST_F(ManagerTest, a_watch_sees_every_change_of_its_units_only) {
    auto manager = connect();
    auto other = connect();
    const auto unit = make_unit("/bin/sleep 0.2");
    ASSERT_TRUE(manager.list("*").ok());
    std::vector<std::string> seen;
    ASSERT_TRUE(other.start(unit).ok());
    auto watched = manager.watch(unit, [&](const systemd::UnitState& state) {
        EXPECT_EQ(state.name, unit);
        seen.push_back(state.active);
        return state.active != "inactive" && state.active != "failed";
    });
    ASSERT_TRUE(watched.ok()) << watched.error().message();
    EXPECT_EQ(seen.back(), "inactive");
}

TEST_F(ManagerTest, properties_of_every_type_reach_the_unit) {
    auto manager = connect();
    const auto unit = make_unit("/bin/sleep 1000");
    ASSERT_TRUE(manager.start(unit).ok());
    const systemd::Properties properties{{"CPUWeight", std::uint64_t{321}},
                                         {"DeviceAllow", std::vector<std::string>{"/dev/null rw"}},
                                         {"AllowedCPUs", std::string("0-1,9")},
                                         {"IOReadBandwidthMax", std::vector<std::string>{}},
                                         {"Description", std::string("a test")}};
    auto set = manager.set_properties(unit, properties, true);
    EXPECT_TRUE(set.ok()) << set.error().message();
    auto unknown = manager.set_properties(unit, {{"NoSuchProperty", std::string("x")}}, true);
    EXPECT_FALSE(unknown.ok());
    auto wrong = manager.set_properties(unit, {{"AllowedCPUs", std::string("0-99999999")}}, true);
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().code(), Errc::invalid);
    EXPECT_TRUE(manager.stop(unit).ok());
}
