// What a container's cgroup tells (cgroup v2, Documentation/admin-guide/cgroup-v2.rst). A missing controller leaves zeros.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gantry::cli {

struct CgroupUsage {
    std::uint64_t cpu_usec = 0;
    std::uint64_t memory = 0, memory_limit = 0;  // bytes; the limit is 0 for none
    std::uint64_t read_bytes = 0, written_bytes = 0;
    std::uint64_t pids = 0;
};

// control_group: as systemd names it, "/ctr.slice/ctr@web.service".
CgroupUsage read_cgroup(const std::string& control_group);
// Every process of it and of the groups below.
Result<std::vector<int>> cgroup_processes(const std::string& control_group);

struct NetworkUsage {
    std::uint64_t received = 0, sent = 0;  // bytes over all interfaces but lo
};
NetworkUsage read_network(int pid);

}  // namespace gantry::cli
