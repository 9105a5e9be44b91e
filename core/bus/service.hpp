// gantryd's main loop: io.gantry1 on the system bus until nobody needs it.
#pragma once

#include "base/result.hpp"

namespace gantry::bus {

// Serves until idle (engine configuration, idle_exit_seconds; 0: for ever) or SIGTERM. Errors are those that keep it from
// serving.
Result<> serve();

}  // namespace gantry::bus
