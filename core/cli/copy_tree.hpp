// Copies of trees between two roots, each path resolved inside its own root.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::cli {

// The object `from` (below from_root) as `to` (below to_root), whose parent exists. A folder is merged into one that is there;
// anything else is replaced, except that a file never replaces a folder nor the other way round. owner: keep user and group,
// else they become uid and gid.
Result<> copy_tree(int from_root, const std::string& from, int to_root, const std::string& to, bool keep_owner, unsigned uid,
                   unsigned gid);

// Docker's rules for what `cp` copies where (docker-cp(1)). No link of a hostile container leads to a file of the host.
struct CopyOptions {
    bool keep_owner = false;   // -a; without it files belong to root in a container, to the caller on the host
    bool follow_link = false;  // -L
};
Result<> copy_out(int root, const std::string& path, const std::string& target, const CopyOptions& options);
Result<> copy_in(const std::string& source, int root, const std::string& path, const CopyOptions& options);

}  // namespace gantry::cli
