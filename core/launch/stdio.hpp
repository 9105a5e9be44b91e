// Where the payload's standard streams go.
#pragma once

#include "launch/plan.hpp"
#include "log/slots.hpp"

namespace gantry::launch {

struct Stdio {
    os::Fd in, out, err;  // unset: as systemd gave it to the launcher
    log::Slot log;        // where out and err are a slot's pipes
    os::Fd console;       // tty: the socket that the terminal's master is sent to
};

// In the launcher: a waiting CLI (<run>/attach/NAME.sock) or console unit (<run>/console/NAME.sock) is asked, else a slot of
// the log pool is taken.
Result<Stdio> open_stdio(const Plan& plan);

// In the child, inside its new root: makes the terminal (tty) or takes the streams as descriptors 0, 1, 2.
Result<> take_stdio(const Plan& plan, Stdio& stdio);

}  // namespace gantry::launch
