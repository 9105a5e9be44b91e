// Names without a registry.
#pragma once

#include "base/reference.hpp"
#include "config/engine.hpp"

#include <vector>

namespace gantry::image::registry {

// The references to try, in order, complete with domain and tag: itself where it has a domain; its alias; else one for each of
// the search registries. Errc::invalid where an alias is no reference or where there is nothing to search.
Result<std::vector<ImageRef>> candidates(const config::Engine& engine, const ImageRef& ref);

}  // namespace gantry::image::registry
