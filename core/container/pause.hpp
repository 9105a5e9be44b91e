// A container that stands still for a moment, by its unit's freezer, and goes on whatever happens to us: a child of ours thaws
// it when this process dies in between.
#pragma once

#include "systemd/manager.hpp"
#include "os/fd.hpp"

#include <optional>

#include <sys/types.h>

namespace gantry::container {

class Pause {
public:
    // Freezes the unit; nothing where it is not up, or stands still already (somebody else's pause stays theirs).
    static Result<std::optional<Pause>> begin(systemd::Manager& manager, const std::string& unit);
    Pause(Pause&& other) noexcept;
    Pause& operator=(Pause&&) = delete;
    ~Pause();  // thaws, if end() did not

    // Thaws. A unit that has ended meanwhile is no error.
    Result<> end();

private:
    Pause(systemd::Manager& manager, std::string unit) : manager_(&manager), unit_(std::move(unit)) {}
    Result<> post_guard(const std::string& control_group);
    void dismiss_guard();

    systemd::Manager* manager_;
    std::string unit_;  // empty: over
    pid_t guard_ = -1;
    os::Fd alive_;  // the guard reads its other end
};

}  // namespace gantry::container
