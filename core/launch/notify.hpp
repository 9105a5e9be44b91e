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
    // BARRIER=1: done() is true once the manager has handled everything sent before (systemd 246).
    Result<> barrier();
    [[nodiscard]] bool done(int timeout_ms) const;

private:
    os::Fd socket_, barrier_;
};

}  // namespace gantry::launch
