// The kernel's cgroup controllers that the limits of a definition need. systemd sets a limit whose controller is not there
// without a word (systemd.resource-control(5)); a container without its limits must not start.
#pragma once

#include "config/definition.hpp"

namespace gantry::container {

// folder: of the cgroup that has to have them: the container's own when it starts, the root's before. Errc::unsupported names
// the first limit that could not be kept, and its controller.
Result<> check_controllers(const config::Limits& limits, const std::string& folder);

// Where cgroup v2 is on every host that systemd runs.
inline constexpr const char* cgroup_root = "/sys/fs/cgroup";

// The folder of a process' cgroup (v2). process: a number, or "self". Errc::not_found: there is no such process.
Result<std::string> cgroup_folder(const std::string& process);

}  // namespace gantry::container
