// What only a machine container gets (https://systemd.io/CONTAINER_INTERFACE, podman-run(1) --systemd): a cgroup below which it
// makes its own, folders for what lives until its shutdown, and its journal's way to the host's.
#pragma once

#include "launch/sources.hpp"

namespace gantry::launch {

// The unit's cgroup becomes the container's to divide; the limits on it stay the host's. Before the container's process is
// made.
Result<> delegate_cgroup(const Plan& plan);

// In the host's mount namespace, before it is left.
Result<> open_machine_sources(const Plan& plan, Sources& sources);

}  // namespace gantry::launch
