// Containers with a terminal (or an open standard input), attached to through ctr-console@NAME.service.
#pragma once

#include "cli/attach.hpp"

namespace gantry::cli {

// Starts the container with our terminal on its own, and returns as run_attached() does; 0 after the detach keys.
Result<int> run_on_console(container::Engine& engine, const container::Container& container, const AttachOptions& options);

// The same for one that runs. Without a terminal its output is followed in the journal.
Result<int> attach_running(container::Engine& engine, const container::Container& container, const AttachOptions& options);

}  // namespace gantry::cli
