// What is known of a container's health: /run/gantry/ctr/NAME/health.json, in the words of Docker's inspect.
#pragma once

#include "config/definition.hpp"

#include <deque>

namespace gantry::health {

struct Probe {
    std::int64_t start_us = 0, end_us = 0;  // CLOCK_REALTIME
    int status = 0;                         // exit status; -1: it took too long or could not run
    std::string output;
};

struct State {
    std::string status = "starting";  // "healthy", "unhealthy"
    std::uint32_t failing = 0;        // bad probes in a row
    std::int64_t main_pid = 0;        // of the run that this is about
    std::deque<Probe> log;            // the last five, as Docker keeps them
};

struct Rules {
    std::vector<std::string> command;  // empty: no health check
    config::Microseconds interval{30'000'000}, timeout{30'000'000}, start_period{0};
    std::uint32_t retries = 3;
};

// The state after one more probe. running: how long the container had run when the probe began.
State after(State before, Probe probe, const Rules& rules, config::Microseconds running);

std::string to_json(const State& state);
// Whatever is no state of this run is a new one.
State from_json(std::string_view text, std::int64_t main_pid);

}  // namespace gantry::health
