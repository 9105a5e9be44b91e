// The container's view: kernel file systems, devices, binds, volumes, what is hidden. Runs in the child, in its namespaces,
// before it enters the new root. Every target is resolved inside root (openat2 RESOLVE_IN_ROOT): a link of the image or of a
// volume cannot lead outside.
#pragma once

#include "launch/plan.hpp"
#include "launch/sources.hpp"

namespace gantry::launch {

// root: the root file system, attached in this namespace. Returns an open /proc/sys of the container, for sysctls.
Result<os::Fd> mount_kernel_file_systems(const Plan& plan, Sources& sources, int root);
Result<> make_devices(const Plan& plan, Sources& sources, int root);  // devices.cpp
Result<> mount_user_mounts(const Plan& plan, Sources& sources, int root);
Result<> mount_credentials(const Plan& plan, int root);
Result<> mount_machine_folders(const Plan& plan, Sources& sources, int root);  // machine.cpp
// Masked and read-only paths, then the root itself read-only where the definition says so.
Result<> protect_paths(const Plan& plan, int root);  // protect.cpp

// Opens (O_PATH) path in root as a place for a mount, made if missing.
Result<os::Fd> mount_point(int root, const std::string& path, bool directory);
// [[mounts]] with type = "tmpfs".
Result<> mount_definition_tmpfs(const config::Mount& mount, int root);
// A tmpfs with these parameters, on path.
Result<> mount_tmpfs(int root, const std::string& path, unsigned attributes,
                     const std::vector<std::pair<std::string, std::string>>& options);

}  // namespace gantry::launch
