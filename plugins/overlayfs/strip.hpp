// A writable layer becomes a lower one of other containers: what overlayfs noted for itself must go.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::overlayfs {

// Removes every "trusted.overlay.*" attribute at and below `upper` but that of opaque folders: "origin" (the inode that a file
// was copied up from) and "impure" (there may be some below) would be believed of layers that are not there, "uuid" is this
// mount's own; "redirect" and "metacopy" are never written under our mount options and would point into other layers
// (Documentation/filesystems/overlayfs.rst). Nobody may have the layer mounted.
Result<> strip(const std::string& upper);

}  // namespace gantry::overlayfs
