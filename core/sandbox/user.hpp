// Who the payload runs as: names are looked up in the container's own /etc/passwd and /etc/group, never in the host's.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace gantry::sandbox {

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  // supplementary
    std::string name;           // empty for a number that passwd does not know
    std::string home = "/";
};

// run_as: "", "USER", "UID", "USER:GROUP", "UID:GID" (docker run --user). root: a folder with etc/passwd and etc/group, read
// with open_in_root. A number needs no entry; a name does. groups: names or numbers (--group-add). Where run_as names no
// group, the supplementary groups are those of /etc/group that list the user, as in Docker.
Result<Identity> resolve_user(int root, const std::string& run_as, const std::vector<std::string>& groups);

}  // namespace gantry::sandbox
