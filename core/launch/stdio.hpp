// Where the payload's standard streams go.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

struct Stdio {
    os::Fd in, out, err;  // unset: as systemd gave it to the launcher
    os::Fd console;       // tty: the socket that the terminal's master is sent to
};

// In the launcher: a waiting CLI (<run>/attach/NAME.sock) or console unit (<run>/console/NAME.sock) is asked, a journal stream
// of its own for standard error is opened.
Result<Stdio> open_stdio(const Plan& plan);

// In the child, inside its new root: makes the terminal (tty) or takes the streams as descriptors 0, 1, 2.
Result<> take_stdio(const Plan& plan, Stdio& stdio);

}  // namespace gantry::launch
