#include "os/file.hpp"
#include "sandbox/limits.hpp"

#include <fcntl.h>

namespace gantry::sandbox {

namespace {

// "net.ipv4.conf.eth0.100.x" cannot be told apart with dots alone: a name with a slash is taken as a path (sysctl.d(5)).
std::string path_of(std::string name) {
    if (name.find('/') == std::string::npos) std::ranges::replace(name, '.', '/');
    return name;
}

}  // namespace

Result<> check_sysctl(const std::string& name, const OwnNamespaces& own) {
    const std::string path = path_of(name);
    if (path.empty() || path.front() == '/' || path.find("..") != std::string::npos || path.find("//") != std::string::npos)
        return error(Errc::invalid, "sysctl '{}' is not a name", name);
    // ipc_namespaces(7), uts_namespaces(7), network_namespaces(7); as runc's validator, which Docker relies on.
    static const std::set<std::string> ipc{"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
                                           "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"};
    struct Area {
        bool matches, own;
        const char* what;
    };
    const Area areas[] = {{path.starts_with("net/"), own.net, "network"},
                          {ipc.contains(path) || path.starts_with("fs/mqueue/"), own.ipc, "IPC"},
                          {path == "kernel/domainname" || path == "kernel/hostname", own.uts, "UTS"}};
    for (const Area& area : areas) {
        if (!area.matches) continue;
        if (area.own) return {};
        return error(Errc::invalid, "sysctl '{}' would change the host: the container has no {} namespace of its own", name,
                     area.what);
    }
    return error(Errc::invalid, "sysctl '{}' is the host's, not a namespace's", name);
}

Result<> write_sysctl(int proc_sys, const std::string& name, const std::string& value) {
    auto file = os::open_beneath(proc_sys, path_of(name), O_WRONLY);
    if (!file.ok()) return std::move(file).error().context(fmt::format("sysctl '{}'", name));
    TRY(os::write_all(file->get(), value, fmt::format("sysctl '{}' = '{}'", name, value)));
    return {};
}

}  // namespace gantry::sandbox
