// A lowest layer that holds nothing but mount points, shared by all containers: an image that lacks /proc or /etc/hosts gets
// them without a write to its writable layer (and without /etc being copied up into that).
#pragma once

#include "base/result.hpp"
#include "gantry/driver/storage.hpp"

#include <string>
#include <vector>

namespace gantry::overlayfs {

// The layer's folder below `folder`, made if it is not there. Safe against others that make the same one.
Result<std::string> skeleton(const std::string& folder, const std::vector<driver::MountPoint>& points);

}  // namespace gantry::overlayfs
