#include "launch/namespaces.hpp"

#include "os/file.hpp"
#include "os/clone.hpp"

#include <fcntl.h>
#include <sched.h>

namespace gantry::launch {

namespace {

using Kind = config::NamespaceMode::Kind;

// The other container's first process, held by a pidfd so that its number cannot come to mean another one in between.
Result<> join(const Plan& plan, const std::string& other, int type, const char* what) {
    const auto record = container::read_record(plan.paths, other);
    if (!record.ok() || record->pid <= 0) return error(Errc::unavailable, "join the {} namespace of '{}': it is not running", what, other);
    const os::Fd process = TRY_CONTEXT(os::open_pidfd(static_cast<pid_t>(record->pid)), "join the {} namespace of '{}'", what, other);
    const std::string group = TRY(os::read_file(fmt::format("/proc/{}/cgroup", record->pid)));
    if (group.find("/ctr@" + other + ".service") == std::string::npos)
        return error(Errc::unavailable, "join the {} namespace of '{}': its process {} is gone", what, other, record->pid);
    // A pidfd instead of /proc/PID/ns/...: kernel 5.8.
    if (setns(process.get(), type) != 0) return errno_error("join the {} namespace of '{}'", what, other);
    return {};
}

}  // namespace

std::uint64_t own_namespaces(const Plan& plan) {
    const auto& definition = plan.definition;
    std::uint64_t flags = CLONE_NEWNS;
    if (definition.pid.kind == Kind::private_) flags |= CLONE_NEWPID;
    if (definition.ipc.kind == Kind::private_) flags |= CLONE_NEWIPC;
    if (definition.uts.kind == Kind::private_) flags |= CLONE_NEWUTS;
    if (definition.cgroup.kind == Kind::private_) flags |= CLONE_NEWCGROUP;
    if (definition.network_mode == config::NetworkMode::networks || definition.network_mode == config::NetworkMode::none) flags |= CLONE_NEWNET;
    return flags;
}

Result<> join_namespaces(const Plan& plan) {
    const auto& definition = plan.definition;
    if (definition.network_mode == config::NetworkMode::container)
        TRY(join(plan, definition.network_container, CLONE_NEWNET, "network"));
    if (definition.ipc.kind == Kind::container) TRY(join(plan, definition.ipc.container, CLONE_NEWIPC, "ipc"));
    if (definition.uts.kind == Kind::container) TRY(join(plan, definition.uts.container, CLONE_NEWUTS, "uts"));
    if (definition.pid.kind == Kind::container) TRY(join(plan, definition.pid.container, CLONE_NEWPID, "pid"));
    return {};
}

}  // namespace gantry::launch
