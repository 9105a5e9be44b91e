// System call filters from profiles in Docker's JSON, compiled with libseccomp (loaded only when something is compiled) and
// kept as ready BPF programs.
#pragma once

#include "base/result.hpp"
#include "sandbox/capabilities.hpp"

#include <string>

namespace gantry::sandbox {

struct Filter {
    std::string program;  // an array of struct sock_filter; empty: no filter
};

// The profile compiled into Gantry: the rules of Docker's published default (moby profiles/seccomp/default.json).
std::string_view default_profile();

// profile: JSON text. capabilities decide on rules with "includes"/"excludes" of "caps". Unknown system call names are skipped,
// as Docker does; an unknown action, operator or member of a rule is Errc::invalid.
Result<Filter> compile_filter(std::string_view profile, CapSet capabilities);

// profile: "default", "unconfined" or the path of a file. The program comes from cache (a folder that only root can write;
// anything else there, a foreign owner, a wrong checksum, is not used) or is compiled and stored. An empty cache: none.
Result<Filter> load_filter(const std::string& cache, const std::string& profile, CapSet capabilities);

// seccomp(2) for the calling thread; needs CAP_SYS_ADMIN or no_new_privs. An empty filter does nothing.
Result<> install_filter(const Filter& filter);

}  // namespace gantry::sandbox
