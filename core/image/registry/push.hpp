// The push behind transfer.hpp, for tests with shorter patience.
#pragma once

#include "image/registry/settings.hpp"
#include "image/transfer.hpp"

namespace gantry::image::registry {

Result<PushResult> push_with(Store& store, const config::Engine& engine, const ImageRef& ref, const PushOptions& options,
                             Settings settings);

}  // namespace gantry::image::registry
