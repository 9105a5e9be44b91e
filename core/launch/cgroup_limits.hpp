// The limits of a definition are in force, or the container does not start. systemd sets those that it has read, but says
// nothing where the controller is missing. Those that it has not read (the definition was written or edited after the last
// daemon-reload, so that the loaded unit has an older drop-in or none) go straight into the unit's cgroup, which is delegated
// to us (Delegate=yes): no bus call, and replaced by the unit's own at the next daemon-reload. What only systemd can apply is
// told in the journal.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

Result<> ensure_limits(const Plan& plan);

}  // namespace gantry::launch
