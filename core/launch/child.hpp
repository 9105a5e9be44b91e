// The container's side of a start: what its first process does between clone3 and exec.
#pragma once

#include "launch/mounts.hpp"

#include <array>

namespace gantry::launch {

struct ChildSide {
    const Plan* plan = nullptr;
    std::vector<OpenedMount> sources;
    os::Fd rootfs;                // detached
    os::Fd launcher;              // our end of the pair; see below
    std::array<os::Fd, 3> stdio;  // empty with a terminal
    bool executing = false;       // every step is done, the exec is what failed
};

// Messages on the pair, launcher's first: "go" (networks and name files are there). Ours: "console" with the terminal's master;
// "failed CODE text" when a step failed; then the end. The end without "failed" is a successful exec (the descriptor is
// close-on-exec). An end before "go" means that the launcher died: nothing is executed.
// Returns only on failure: the exit status.
int run_child(ChildSide& side);

}  // namespace gantry::launch
