// Running another program and waiting for it: no shell, no inherited descriptors, bounded in time and output. Not for the start
// path of containers (design law 4).
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace gantry::os {

struct Command {
    std::vector<std::string>
        words;          // the program, looked up in $PATH (absolute folders only) unless it has a '/', and arguments
    std::string input;  // for its standard input
    std::size_t output_limit = 1U << 20;  // of each of both outputs; more is Errc::invalid
    std::chrono::milliseconds timeout{30'000};
};

struct Finished {
    int status = 0;  // as a shell has it: the exit status, or 128 and the signal
    std::string output, errors;
};

// Errc::not_found where there is no such program, Errc::timeout where it took too long (its process group is killed).
Result<Finished> run(const Command& command);

}  // namespace gantry::os
