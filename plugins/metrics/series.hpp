// All series of all running containers, read when somebody asks.
#pragma once

#include "exposition.hpp"

#include "config/engine.hpp"

namespace gantry::metrics {

// What cannot be read of one container (it ends) is left out; what nothing counts (gantry-insight.service is stopped) as well,
// and gantry_insight_up says so.
void collect(const config::Paths& paths, Exposition& out);

}  // namespace gantry::metrics
