// A container in the foreground: its output on ours, our input and signals on it, its exit status as our own.
#pragma once

#include "container/engine.hpp"

namespace gantry::cli {

struct AttachOptions {
    bool standard_input = false;
    bool proxy_signals = true;
    std::string detach_keys;  // empty: ctrl-p,ctrl-q
};

// Starts the container attached, waits for its end and returns its exit status (125, 126, 127 where the start failed, with the
// reason on standard error). A container with a terminal is attached through its console.
Result<int> run_attached(container::Engine& engine, const container::Container& container, const AttachOptions& options);

}  // namespace gantry::cli
