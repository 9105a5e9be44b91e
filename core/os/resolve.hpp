// Where a path leads inside a root.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::os {

// The path below root, "/..." with symbolic links resolved inside root (openat2 RESOLVE_IN_ROOT); what it names exists.
Result<std::string> resolve_in_root(int root, const std::string& path);

}  // namespace gantry::os
