#include "launch/join.hpp"

#include "container/record.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "launch/kernel.hpp"
#include "os/clone.hpp"

#include <fcntl.h>
#include <sched.h>

namespace gantry::launch {

Result<os::Fd> container_process(const Plan& plan, const std::string& name) {
    const ContainerName container = TRY(ContainerName::parse(name));
    const auto record = container::read_record(plan.paths, name);
    if (!record.ok() && record.error().code() != Errc::not_found) return record.error();
    if (record.ok() && record->pid > 0) {
        auto process = os::open_pidfd(static_cast<pid_t>(record->pid));
        // The number may be another process' since: the unit's cgroup tells, in whatever slice it is.
        const std::string group = os::read_file(fmt::format("/proc/{}/cgroup", record->pid), 65536).value_or("");
        if (process.ok() && group.find("/" + unit_name(container)) != std::string::npos) return process;
    }
    return error(Errc::unavailable, "container '{}' is not running", name);
}

Result<os::Fd> clone_from_container(const Plan& plan, const std::string& name, const std::string& path) {
    const os::Fd process = TRY(container_process(plan, name));
    const os::Fd own = TRY(os::open("/proc/self/ns/mnt", O_RDONLY));
    TRY(enter_namespaces(process.get(), CLONE_NEWNS, name));
    auto mount = os::clone_mount(AT_FDCWD, path, false);
    TRY(enter_namespaces(own.get(), CLONE_NEWNS, "the host"));
    return mount;
}

Result<> join_namespaces(const Plan& plan) {
    using Kind = config::NamespaceMode::Kind;
    const config::Definition& definition = plan.definition;
    std::map<std::string, int> wanted;
    if (definition.network_mode == config::NetworkMode::container) wanted[definition.network_container] |= CLONE_NEWNET;
    if (definition.pid.kind == Kind::container) wanted[definition.pid.container] |= CLONE_NEWPID;
    if (definition.ipc.kind == Kind::container) wanted[definition.ipc.container] |= CLONE_NEWIPC;
    for (const auto& [name, flags] : wanted) {
        const os::Fd process = TRY(container_process(plan, name));
        TRY(enter_namespaces(process.get(), flags, name));
    }
    return {};
}

}  // namespace gantry::launch
