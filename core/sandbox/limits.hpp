// Resource limits, kernel parameters of a container's namespaces, and the OOM score.
#pragma once

#include "base/result.hpp"

#include <map>
#include <string>
#include <utility>

namespace gantry::sandbox {

struct ResourceLimit {
    std::uint64_t soft = 0, hard = 0;  // ~0 is RLIM_INFINITY
};

// "nofile" as in prlimit(1) to RLIMIT_NOFILE.
Result<int> parse_resource(std::string_view name);
// setrlimit(2) for the calling process.
Result<> set_resource_limits(const std::map<std::string, ResourceLimit>& limits);

// Which namespaces of its own the container has.
struct OwnNamespaces {
    bool net = true, ipc = true, uts = true;
};
// Errc::invalid for a name that is not bound to a namespace of the container's own: it would change the host.
Result<> check_sysctl(const std::string& name, const OwnNamespaces& own);
// Writes name ("net.ipv4.ip_forward" or with slashes) below proc_sys, an open /proc/sys.
Result<> write_sysctl(int proc_sys, const std::string& name, const std::string& value);

// /proc/self/oom_score_adj; Errc::denied where the host forbids the value.
Result<> set_oom_score(int value);

}  // namespace gantry::sandbox
