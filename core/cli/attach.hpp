// A container in the foreground: its output on ours, our input and signals on it, its exit status as our own.
#pragma once

#include "container/engine.hpp"
#include "container/exit_note.hpp"

namespace gantry::cli {

struct AttachOptions {
    bool standard_input = false;
    bool proxy_signals = true;
    std::string detach_keys;  // empty: ctrl-p,ctrl-q
};

// Says on standard error why a start failed, in the launcher's own words where it had any (told, or its STATUS=, which systemd
// keeps), and returns the exit status: 126 and 127 are the launcher's verdict on the command, everything else is the engine's
// failure, 125.
int report_failed_start(systemd::Manager& systemd, const container::Container& container, const Error& failure,
                        const container::ExitNote::Told& told = {});

// Waits for the unit's end. The note knows better than systemd, which may have forgotten the unit.
Result<int> wait_for_end(systemd::Manager& systemd, const std::string& unit, const container::ExitNote* note);

// Starts the container attached, waits for its end and returns its exit status (125, 126, 127 where the start failed, with the
// reason on standard error). A container with a terminal is attached through its console.
Result<int> run_attached(container::Engine& engine, const container::Container& container, const AttachOptions& options);

}  // namespace gantry::cli
