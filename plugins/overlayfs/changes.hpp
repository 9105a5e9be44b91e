// What a writable layer holds, read from its folder: how much, and what it changed against the layers below.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/storage.hpp"

#include <string>
#include <vector>

namespace gantry::overlayfs {

// Both take the container's files as hostile: symbolic links are not followed, and folders nested deeper than max_depth are an
// error (each level costs a descriptor). They may change while being read.
constexpr int max_depth = 400;

// Bytes of regular files (hard links once, holes not) and the number of entries.
Result<driver::RootfsStatus> measure(const std::string& upper);

// lowers: topmost first. A folder that merely lost or gained something counts as modified, as `docker diff` has it.
Result<std::vector<driver::Change>> changes(const std::string& upper, const std::vector<std::string>& lowers);

}  // namespace gantry::overlayfs
