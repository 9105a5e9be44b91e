// The image that a run or create needs: there already, or pulled as --pull says.
#pragma once

#include "container/engine.hpp"

namespace gantry::cli {

Result<image::Image> ensure_image(container::Engine& engine, const std::string& reference, const std::string& policy,
                                  const std::string& platform, bool quiet);

}  // namespace gantry::cli
