// The file systems of a container: what every container has, what its definition adds, what is hidden. All of it happens in
// the container's own mount namespace, below a root that is not yet "/"; every path in it is resolved inside that root.
#pragma once

#include "launch/plan.hpp"
#include "os/fd.hpp"

namespace gantry::launch {

// Sources on the host, opened while the launcher still has the host's mounts (so that a shared bind stays one).
struct OpenedMount {
    const config::Mount* mount = nullptr;
    os::Fd tree;          // detached; empty for tmpfs
    bool folder = true;   // the source is one
};
Result<std::vector<OpenedMount>> open_mount_sources(const Plan& plan);

// /proc, /dev, /sys and what belongs there.
Result<> mount_system(const Plan& plan, int root);
// The console: a pseudo terminal of the container's own /dev/pts on /dev/console.
struct Console {
    os::Fd master, slave;
};
Result<Console> make_console(int root);
Result<> mount_name_files(const Plan& plan, int root);
Result<> mount_definition(const Plan& plan, int root, std::vector<OpenedMount>& sources);
// Masked and read-only paths; last, a read-only root.
Result<> hide_paths(const Plan& plan, int root);

}  // namespace gantry::launch
