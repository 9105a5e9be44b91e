// How a container starts: DESIGN.md, "How a container starts".
#pragma once

#include "base/names.hpp"
#include "base/result.hpp"

namespace gantry::launch {

struct Failure {
    int status;  // 125, 126, 127
    Error reason;
};

// Runs in the unit's cgroup as its first main process. After success the container's process is the unit's main process and the
// caller ends with 0. report is called with a failure before anything is undone: undoing ends the unit's main process, and the
// manager then ends us.
// build: the id of the build that the container is a step of, or empty.
std::optional<Failure> start(const ContainerName& name, const std::string& build,
                             const std::function<void(const Failure&)>& report);

}  // namespace gantry::launch
