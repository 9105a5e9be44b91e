// The service manager's notification protocol (sd_notify(3)), without libsystemd.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <string_view>

namespace gantry::launch {

class Notifier {
public:
    // Connects to $NOTIFY_SOCKET; without one every call does nothing.
    static Result<Notifier> connect();

    Result<> send(std::string_view state) const;
    // Returns when the manager has handled everything sent before: BARRIER=1 (sd_notify_barrier(3), systemd 246).
    Result<> wait_handled(int timeout_ms) const;

private:
    os::Fd socket_;
};

}  // namespace gantry::launch
