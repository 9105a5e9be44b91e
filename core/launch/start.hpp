// The start of a container, top to bottom: DESIGN's "How a container starts". Runs as the unit's ExecStart=, as root in the host's
// namespaces and in the unit's cgroup, and is gone when the container runs.
#pragma once

#include "base/names.hpp"

namespace gantry::launch {

// The exit status for systemd: 0, or 125 (engine), 126 and 127 (the command cannot be executed, is not found).
struct StartFailure {
    int code;
    Error error;
};
std::optional<StartFailure> start_container(const ContainerName& name);

}  // namespace gantry::launch
