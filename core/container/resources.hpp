// What a container uses, as its cgroup tells (cgroup v2, Documentation/admin-guide/cgroup-v2.rst) and its network namespace.
// What the kernel does not tell (a controller is not there, the container ends) is zero, or missing from a list.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace gantry::container {

struct BlockDevice {
    std::string device;  // "8:0"
    std::uint64_t read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
};

// Time that tasks waited for a resource (PSI, Documentation/accounting/psi.rst), microseconds.
struct Pressure {
    std::uint64_t some_usec = 0, full_usec = 0;
};

struct Resources {
    std::uint64_t cpu_usec = 0, cpu_user_usec = 0, cpu_system_usec = 0, throttled_usec = 0;
    std::uint64_t memory = 0;                         // bytes, with what the page cache has
    std::uint64_t memory_used = 0;                    // without what the kernel could drop at once, as docker stats has it
    std::uint64_t memory_limit = 0, memory_peak = 0;  // bytes; the limit is 0 for none
    std::uint64_t oom_kills = 0;
    std::uint64_t pids = 0, pids_limit = 0;  // 0: none
    std::vector<BlockDevice> devices;
    Pressure cpu_pressure, memory_pressure, io_pressure;
};

// control_group: as systemd names it, "/ctr.slice/ctr@web.service".
Resources read_resources(const std::string& control_group);
// The unit's, found from a process in it or in a cgroup below; empty where the process is gone.
std::string control_group_of(const std::string& unit, std::int64_t pid);
// Every process of it and of the groups below.
Result<std::vector<int>> cgroup_processes(const std::string& control_group);

struct Interface {
    std::string name;
    // receive: bytes, packets, errors, drops; transmit: the same (proc(5), /proc/PID/net/dev)
    std::array<std::uint64_t, 4> received{}, sent{};
};
// Of the network namespace that a process is in, but for lo.
std::vector<Interface> read_interfaces(std::int64_t pid);

}  // namespace gantry::container
