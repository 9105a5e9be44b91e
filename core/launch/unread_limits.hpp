// Limits of a definition that systemd has not read: written or edited after the last daemon-reload, so that the loaded unit has
// an older drop-in or none. They go straight into the unit's cgroup, which is delegated to us (Delegate=yes): in force at once,
// no bus call, and replaced by the unit's own at the next daemon-reload. What only systemd can apply is told in the journal.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

// Nothing is done where the drop-in is at least as new as the definition. A limit that cannot be applied is an error: a
// container never runs without a limit that its definition names.
Result<> apply_unread_limits(const Plan& plan);

}  // namespace gantry::launch
