#include "launch/join.hpp"

#include "os/file.hpp"
#include "os/mount.hpp"
#include "launch/kernel.hpp"
#include "os/clone.hpp"

#include <fcntl.h>
#include <sched.h>

#include <charconv>

namespace gantry::launch {

namespace {

// NSpid: of /proc/PID/status ends with the pid in the innermost namespace.
bool is_first_of_namespace(pid_t pid) {
    const auto status = os::read_file(fmt::format("/proc/{}/status", pid), 65536);
    if (!status.ok()) return false;
    const auto at = status->find("\nNSpid:");
    if (at == std::string::npos) return false;
    const std::string_view line = std::string_view(*status).substr(at + 1, status->find('\n', at + 1) - at - 1);
    return line.ends_with("\t1") && std::ranges::count(line, '\t') > 1;
}

std::vector<pid_t> processes_of(const std::string& cgroup) {
    std::vector<pid_t> out;
    const auto text = os::read_file(cgroup + "/cgroup.procs", 1U << 20);
    if (!text.ok()) return out;
    for (std::size_t at = 0; at < text->size();) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        pid_t pid = 0;
        std::from_chars(text->data() + at, text->data() + end, pid);
        if (pid > 0) out.push_back(pid);
        at = end + 1;
    }
    return out;
}

}  // namespace

Result<os::Fd> container_process(const Plan& /*plan*/, const std::string& name) {
    const ContainerName container = TRY(ContainerName::parse(name));
    const std::string cgroup = "/sys/fs/cgroup/ctr.slice/" + unit_name(container);
    std::vector<std::string> groups{cgroup};
    // A machine container moves itself into a group below (init.scope).
    for (const std::string& entry : TRY(os::list_dir(cgroup))) groups.push_back(cgroup + "/" + entry);
    pid_t any = 0;
    for (const std::string& group : groups)
        for (pid_t pid : processes_of(group)) {
            if (is_first_of_namespace(pid)) return os::open_pidfd(pid);
            if (any == 0) any = pid;
        }
    if (any != 0) return os::open_pidfd(any);  // it shares its PID namespace: any of its processes has the others
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
