// A container that stands still for a moment, by its unit's freezer, and goes on whatever happens to us: a child of ours thaws
// it when this process dies in between. Where both are killed (gantryd's whole cgroup), a note in <run>/pauses says what is to
// be thawed: a new gantryd does, and `system check --repair`.
#pragma once

#include "base/names.hpp"
#include "container/engine.hpp"
#include "os/fd.hpp"

#include <optional>

#include <sys/types.h>

namespace gantry::container {

class Pause {
public:
    // Freezes the unit; nothing where it is not up, or stands still already (somebody else's pause stays theirs).
    static Result<std::optional<Pause>> begin(const config::Paths& paths, systemd::Manager& manager, const ContainerName& name);
    Pause(Pause&& other) noexcept;
    Pause& operator=(Pause&&) = delete;
    ~Pause();  // thaws, if end() did not

    // Thaws. A unit that has ended meanwhile is no error.
    Result<> end();

private:
    Pause(systemd::Manager& manager, std::string unit, std::string note)
        : manager_(&manager), unit_(std::move(unit)), note_(std::move(note)) {}
    Result<> post_guard(const std::string& control_group);
    void dismiss_guard();

    systemd::Manager* manager_;
    std::string unit_;  // empty: over
    std::string note_;
    os::Fd lock_;  // on the note: we are alive
    pid_t guard_ = -1;
    os::Fd alive_;  // the guard reads its other end
};

// Containers whose pause nobody ends any more; repair: they go on.
// The manager is asked for only where there is a note of one.
Result<std::vector<std::string>> finish_pauses(Engine& engine, bool repair);

}  // namespace gantry::container
