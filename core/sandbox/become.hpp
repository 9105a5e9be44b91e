// The last steps of a process before it executes what the image or the user gave: shared by gantry-launch (PID 1 of a container)
// and exec (a further process of one).
#pragma once

#include "config/definition.hpp"
#include "sandbox/capabilities.hpp"
#include "sandbox/limits.hpp"
#include "sandbox/seccomp.hpp"
#include "sandbox/user.hpp"

#include <optional>

namespace gantry::sandbox {

struct Privileges {
    Identity who;
    CapSet capabilities = 0;
    Filter filter;
    bool no_new_privileges = false;
    std::map<std::string, ResourceLimit> limits;
    std::optional<int> oom_score;
    mode_t umask = 0022;
};

// What a definition says about all of that except who, which needs the root file system: resolve_user() fills it in.
// seccomp_cache: Paths::cache + "/seccomp".
Result<Privileges> privileges_of(const config::Definition& definition, const std::string& seccomp_cache);

// In order: OOM score, resource limits, umask, bounding set, groups and ids, filter, capabilities, no_new_privs. Where uid is
// not 0 no capability stays. After it only exec (and writing to open descriptors) should follow; on error the caller must end.
// The caller must be root in its user namespace.
Result<> become(const Privileges& privileges);

// Searches PATH of environment for file (as execvpe(3), in the current root) and executes it. Returns only on failure, with
// sys() ENOENT (exit 127) or another errno (exit 126).
Error execute(const std::vector<std::string>& argv, const std::vector<std::string>& environment);
// 127 or 126 for what execute() returned, as shells and Docker have it.
int exit_code_of(const Error& failure);

}  // namespace gantry::sandbox
