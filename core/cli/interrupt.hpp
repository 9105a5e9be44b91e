// Ctrl-C during long work.
#pragma once

#include <atomic>

namespace gantry::cli {

// From now on SIGINT and SIGTERM only set the flag, so that the work ends in good order; the second one is meant and kills.
const std::atomic<bool>& stop_on_interrupt();

}  // namespace gantry::cli
