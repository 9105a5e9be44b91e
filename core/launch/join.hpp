// Namespaces and mounts of another running container, found through its record.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

// The first process of a running container; Errc::unavailable where it does not run.
Result<os::Fd> container_process(const Plan& plan, const std::string& name);

// A detached copy of the mount at path inside that container.
Result<os::Fd> clone_from_container(const Plan& plan, const std::string& name, const std::string& path);

// The launcher enters the network, PID (for its children) and IPC namespaces that the definition borrows from other containers.
// Networks and drivers must not be used after it.
Result<> join_namespaces(const Plan& plan);

}  // namespace gantry::launch
