// Everything of the host that will appear inside the container, taken as detached mounts while the launcher still sees the
// host: the child only attaches them, also from inside a user namespace that could not open them.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

struct Source {
    os::Fd mount;
    bool directory = false;
};

struct Sources {
    std::map<std::string, Source> mounts;               // binds and volumes by target
    std::map<std::string, os::Fd> trees;                // of a build's step: whole trees of layers, by target
    std::vector<std::pair<std::string, Source>> files;  // hosts, resolv.conf, ... in the order of mounting
    std::map<std::string, os::Fd> nodes;  // device nodes by host path, where mknod(2) is not allowed (user namespace)
    os::Fd sys, shm, mqueue, cgroup;      // the host's or another container's, where shared
    os::Fd log;                           // the host's syslog socket, for a machine container's journal
    os::Fd init;                          // gantry-init, read-only
};

// In the host's mount namespace, before it is left: propagation to and from the host is decided here.
Result<> open_host_sources(const Plan& plan, Sources& sources);
// Volumes: made if missing, filled from the image where empty. root: the assembled root file system.
Result<> open_volumes(const Plan& plan, int root, Sources& sources);
// The trees of a build's step, put together by the storage driver.
Result<> open_trees(const Plan& plan, driver::StorageDriver& storage, Sources& sources);
// hosts, resolv.conf, hostname and the notification socket.
Result<> open_files(const Plan& plan, Sources& sources);

// What is below the folder `from` into the folder `to`, which gets its owner and mode too.
Result<> copy_folder(int from, int to, const std::string& shown);

}  // namespace gantry::launch
