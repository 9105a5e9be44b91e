// Copies of trees between two roots, each path resolved inside its own root.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::cli {

// The path below root, "/..." with symbolic links resolved inside root; the last component need not exist.
Result<std::string> resolve_in_root(int root, const std::string& path);

// The object `from` (below from_root) as `to` (below to_root), whose parent exists. A folder is merged into one that is there;
// anything else is replaced, except that a file never replaces a folder nor the other way round. owner: keep user and group,
// else they become uid and gid.
Result<> copy_tree(int from_root, const std::string& from, int to_root, const std::string& to, bool keep_owner, unsigned uid,
                   unsigned gid);

}  // namespace gantry::cli
