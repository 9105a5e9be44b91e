// A further process in a running container: for exec, health probes and whatever else must happen inside.
//
// It joins the namespaces and the control group of the container's first process, its root is the container's, and it becomes
// what `privileges` say before it executes. Until then it runs our binary inside a hostile place: it is not dumpable (so nobody
// inside may trace it or look into its /proc), holds no descriptor but its own, and the calling program must be sealed
// (os/self.hpp).
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"
#include "sandbox/become.hpp"

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

namespace gantry::container {

struct TerminalSize {
    unsigned short rows = 0, columns = 0;  // 0: left as the kernel has it
};

struct EnterRequest {
    std::string container;  // for error texts
    pid_t pid = 0;          // the container's first process, in the caller's PID namespace
    std::vector<std::string> command;
    std::vector<std::string> environment;  // complete but for HOME, which comes from the container's passwd where it is missing
    std::string run_as;                    // "", "USER[:GROUP]"; looked up in the container's own files
    std::vector<std::string> groups;
    std::string workdir = "/";
    sandbox::Privileges privileges;        // `who` is filled in here
    std::array<int, 3> stdio{-1, -1, -1};  // the caller's descriptors; -1: /dev/null. Never a terminal of the host's: see below
    bool terminal = false;                 // a new terminal of the container's own devpts instead of stdio
    TerminalSize size;
};

// A command that runs inside. Its owner going away does not end it.
class Entered {
public:
    Entered(Entered&& other) noexcept;
    Entered& operator=(Entered&&) = delete;
    ~Entered();

    [[nodiscard]] pid_t pid() const { return pid_; }                // in the caller's PID namespace
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }        // readable at its end; for signals
    [[nodiscard]] int terminal() const { return terminal_.get(); }  // the master side, -1 without one

    // Waits for the end; once. The exit status as shells have it: 128 and the signal's number where a signal ended it.
    Result<int> wait();

private:
    friend Result<Entered> enter(const EnterRequest& request);
    Entered(pid_t guide, os::Fd outcome) : guide_(guide), outcome_(std::move(outcome)) {}

    pid_t pid_ = 0, guide_ = -1;
    os::Fd outcome_, pidfd_, terminal_;
};

// Returns when the command has been executed, or says why not: Errc::unavailable where the container is not running, is paused
// or is still being put together. Host terminals must not be passed in stdio: a process inside could type into them (TIOCSTI).
Result<Entered> enter(const EnterRequest& request);

// What `docker exec` ends with when enter() failed: 127 where there is no such command, 126 where it cannot be executed,
// 1 where the container cannot be entered.
int exec_exit_status(const Error& failure);

Result<> resize(int terminal, const TerminalSize& size);

}  // namespace gantry::container
