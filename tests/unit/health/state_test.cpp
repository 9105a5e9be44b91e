#include "health/state.hpp"

#include <gtest/gtest.h>

using namespace gantry::health;
using namespace std::chrono_literals;

namespace {

State probed(State state, int status, std::chrono::microseconds running = 1h,
             const Rules& rules = {.command = {"true"}, .start_period = 10s}) {
    return after(std::move(state), {0, 0, status, "out"}, rules, running);
}

}  // namespace

TEST(Health, needs_as_many_bad_probes_in_a_row_as_the_retries) {
    State state = probed({}, 1);
    EXPECT_EQ(state.status, "starting");
    state = probed(state, -1);
    EXPECT_EQ(state.failing, 2U);
    state = probed(state, 1);
    EXPECT_EQ(state.status, "unhealthy");
    state = probed(state, 0);
    EXPECT_EQ(state.status, "healthy");
    EXPECT_EQ(state.failing, 0U);
    state = probed(probed(state, 1), 1);
    EXPECT_EQ(state.status, "healthy");
    EXPECT_EQ(probed(state, 1).status, "unhealthy");
}

TEST(Health, failures_of_the_start_period_do_not_count_until_the_first_success) {
    State state;
    for (int i = 0; i < 10; ++i) state = probed(state, 1, 5s);
    EXPECT_EQ(state.status, "starting");
    EXPECT_EQ(state.failing, 0U);
    state = probed(state, 0, 6s);
    for (int i = 0; i < 3; ++i) state = probed(state, 1, 7s);
    EXPECT_EQ(state.status, "unhealthy");
}

TEST(Health, keeps_the_last_five_and_reads_back_what_it_wrote) {
    State state;
    state.main_pid = 42;
    for (int i = 0; i < 8; ++i) state = probed(state, i);
    state.log.back().output = "\xff bytes \n";
    EXPECT_EQ(state.log.size(), 5U);
    EXPECT_EQ(state.log.front().status, 3);
    const State again = from_json(to_json(state), 42);
    EXPECT_EQ(again.status, state.status);
    EXPECT_EQ(again.failing, state.failing);
    EXPECT_EQ(again.log.size(), 5U);
    EXPECT_EQ(again.log.front().status, 3);
}

TEST(Health, a_new_run_or_nonsense_starts_anew) {
    State state;
    state.main_pid = 42;
    state = probed(state, 0);
    EXPECT_EQ(from_json(to_json(state), 43).status, "starting");
    for (const char* text : {"", "[]", "{", "{\"MainPid\":\"42\"}",
                             "{\"MainPid\":42,\"Status\":7,\"FailingStreak\":-5,\"Log\":[1,{\"Start\":\"x\"}]}"}) {
        const State read = from_json(text, 42);
        EXPECT_EQ(read.status, "starting") << text;
        EXPECT_EQ(read.failing, 0U) << text;
        EXPECT_EQ(read.main_pid, 42) << text;
    }
}
