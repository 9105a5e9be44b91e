// How a container's last run ended: <data>/exits/NAME.json. systemd forgets a unit that ended well, `gantry ps -a` does not.
// Written by the reaper (ExecStopPost=, whose environment has the facts), removed with the container.
#pragma once

#include "config/engine.hpp"

#include <optional>

namespace gantry::container {

struct ExitStatus {
    int code = 0;  // as Docker's: the status, or 128 + the signal that ended the process
    bool oom_killed = false;
    std::string result;                            // systemd's Result=: "success", "exit-code", "signal", ...
    std::int64_t started_us = 0, finished_us = 0;  // CLOCK_REALTIME
};

// result, code, status: $SERVICE_RESULT, $EXIT_CODE ("exited", "killed", "dumped") and $EXIT_STATUS ("0", "KILL") of
// systemd.exec(5). Empty ones (the start failed before there was a process) make code 125's meaning: the engine's own error.
// How many processes of the cgroup (a folder) and of those below it the kernel has killed for lack of memory, memory.events of
// Documentation/admin-guide/cgroup-v2.rst; 0 where there is no memory controller.
std::uint64_t oom_kills(const std::string& cgroup);

ExitStatus exit_status_of(std::string_view result, std::string_view code, std::string_view status);

// Not synced: after a power cut the old text, the new one or nothing is read.
Result<> write_exit_status(const config::Paths& paths, const std::string& name, const ExitStatus& status);
std::optional<ExitStatus> read_exit_status(const config::Paths& paths, const std::string& name);
Result<> erase_exit_status(const config::Paths& paths, const std::string& name);

}  // namespace gantry::container
