// Running another program and waiting for it: no shell, no inherited descriptors, bounded in time and output. Not for the start
// path of containers (design law 4).
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

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

// A program beside us whose standard input is a pipe that nobody writes to: what reads it ends when we do, however that is. Its
// standard error is ours. Killed with its process group and reaped in the end.
class Companion {
public:
    static Result<Companion> start(const std::vector<std::string>& words);
    Companion(Companion&& other) noexcept;
    Companion& operator=(Companion&&) = delete;
    ~Companion();

    // The next line of its output, without the end of the line.
    Result<std::string> read_line(std::chrono::milliseconds timeout);
    [[nodiscard]] bool running() const { return pid_ > 0; }  // false where it was moved from

private:
    Companion(pid_t pid, Fd input, Fd output) : pid_(pid), input_(std::move(input)), output_(std::move(output)) {}

    pid_t pid_;
    Fd input_, output_;
};

}  // namespace gantry::os
