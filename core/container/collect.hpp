// `gantry system gc`: room on the disk, from images that nobody needs.
#pragma once

#include "container/engine.hpp"
#include "image/collect.hpp"

namespace gantry::container {

// As [gc] of gantry.toml says. An image that a definition in any definition folder names is never touched, whether its
// container runs, is enabled, or is hidden by another definition of the same name; nor is one of a running container whose
// definition is gone. A definition that cannot be read may name any image: Errc::invalid says which, and nothing is removed.
Result<image::Collected> collect_images(Engine& engine, bool dry_run);

}  // namespace gantry::container
