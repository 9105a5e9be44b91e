// `gantry build --squash`: all new layers as one.
#pragma once

#include "build/session.hpp"

namespace gantry::build {

// keep: layers of the base image, which stay as they are.
Result<> squash(Session& session, std::size_t keep, StageState& state);

}  // namespace gantry::build
