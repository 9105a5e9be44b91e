// The last steps of a process before it executes what the image or the user gave: shared by gantry-launch (PID 1 of a
// container) and exec (a further process of one).
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

// The file that argv[0] means: itself with a slash, else the first match in PATH of environment (as execvpe(3), in the current
// root and with the current ids). It is a regular file that may be executed and whose interpreter exists; sys() is ENOENT (exit
// 127) or another errno (exit 126).
Result<std::string> find_executable(const std::vector<std::string>& argv, const std::vector<std::string>& environment);
// execve(2); return only on failure. execute_init runs the init program, an O_PATH descriptor, which runs file in turn.
Error execute_file(const std::string& file, const std::vector<std::string>& argv, const std::vector<std::string>& environment);
Error execute_init(int init, const std::string& file, const std::vector<std::string>& argv,
                   const std::vector<std::string>& environment);
// Both of the first two.
Error execute(const std::vector<std::string>& argv, const std::vector<std::string>& environment);
// 127 or 126 for what these returned, as shells and Docker have it.
int exit_code_of(const Error& failure);

}  // namespace gantry::sandbox
