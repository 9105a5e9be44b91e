// User namespaces: their maps, and one of their own for idmapped mounts.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace gantry::os {

struct IdRange {  // one line of /proc/PID/uid_map (user_namespaces(7))
    std::uint32_t inside = 0, outside = 0, count = 0;
};

// Writes uid_map and gid_map of a process that has a new user namespace. Each is one write, as the kernel wants it; at most 340
// lines (kernel 4.15).
Result<> write_id_maps(pid_t pid, const std::vector<IdRange>& uids, const std::vector<IdRange>& gids);

// A user namespace with these maps that no process is in; for MOUNT_ATTR_IDMAP.
Result<Fd> make_user_namespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids);

}  // namespace gantry::os
