// Where the payload's standard streams go: to the journal, to a `gantry run` in the foreground, or nowhere.
#pragma once

#include "launch/plan.hpp"

#include <array>

namespace gantry::launch {

// A foreground run listens on <run>/attach/NAME.sock and answers with three descriptors; a socket that nobody listens on any
// more is removed.
Result<std::array<os::Fd, 3>> open_stdio(const Plan& plan);

// Hands the terminal's master to the console unit (<run>/console/NAME.sock).
Result<> hand_over_console(const Plan& plan, const os::Fd& master);

}  // namespace gantry::launch
