#include "launch/machine.hpp"

#include "launch/kernel.hpp"
#include "launch/mounts.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::launch {

namespace {

// What of a cgroup belongs to whom it was delegated to (kernel 4.15, Documentation/admin-guide/cgroup-v2.rst, "Delegation").
std::vector<std::string> delegated_files() {
    std::vector<std::string> names;
    std::string text =
        os::read_file("/sys/kernel/cgroup/delegate", 4096).value_or("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) names.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return names;
}

// With "nsdelegate" the kernel refuses to write a cgroup namespace's own limits from inside of it; systemd mounts it so.
Result<bool> limits_are_kept() {
    const std::string mounts = TRY(os::read_file("/proc/self/mountinfo"));
    for (std::size_t at = 0; at < mounts.size();) {
        const std::size_t end = std::min(mounts.find('\n', at), mounts.size());
        const std::string_view line(mounts.data() + at, end - at);
        at = end + 1;
        if (line.find(" /sys/fs/cgroup ") != std::string_view::npos && line.find(" - cgroup2 ") != std::string_view::npos)
            return line.find("nsdelegate") != std::string_view::npos;
    }
    return false;
}

Result<> write_new(int root, const std::string& folder, const std::string& name, std::string_view text) {
    const os::Fd made = TRY(os::make_dirs_in_root(root, folder));
    const os::Fd file = TRY(os::open_at(made.get(), name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return os::write_all(file.get(), text, folder + "/" + name);
}

// The container's journald passes every entry on to "syslog", which is the host's journald here: it knows the sender's cgroup,
// so that entries are the unit's. Not where the image has a syslog daemon of its own, whose socket this is.
Result<> forward_journal(int root, int log) {
    if (os::open_in_root(root, "/etc/systemd/system/syslog.service", O_PATH | O_NOFOLLOW).ok()) return {};
    TRY(write_new(root, "/run/systemd/journald.conf.d", "50-gantry.conf", "[Journal]\nForwardToSyslog=yes\n"));
    const os::Fd place = TRY(mount_point(root, "/run/systemd/journal/syslog", false));
    return os::attach_mount(log, place.get(), "", "/run/systemd/journal/syslog");
}

}  // namespace

Result<> delegate_cgroup(const Plan& plan) {
    if (!plan.machine || !plan.own_cgroup) return {};
    const std::string folder = TRY(own_cgroup());
    if (folder.find("/" + unit_name(plan.name)) == std::string::npos) return {};  // run by hand, outside of a unit
    if (plan.ids.empty()) {
        if (plan.definition.security.privileged || TRY(limits_are_kept())) return {};
        if (TRY(os::read_file(folder + "/cgroup.controllers", 4096)).find_first_not_of(" \n") == std::string::npos) return {};
        return error(Errc::unsupported,
                     "a machine container could lift its own limits: '/sys/fs/cgroup' is mounted without 'nsdelegate'");
    }
    const os::Fd group = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    const auto root = static_cast<uid_t>(plan.ids.front().host);
    if (fchown(group.get(), root, root) != 0) return errno_error("give '{}' to the container", folder);
    for (const std::string& name : delegated_files())
        if (fchownat(group.get(), name.c_str(), root, root, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
            return errno_error("give '{}/{}' to the container", folder, name);
    return {};
}

Result<> open_machine_sources(const Plan& plan, Sources& sources) {
    // With a terminal the console unit has its output already.
    if (!plan.machine || plan.definition.tty || !plan.definition.log_to_journal) return {};
    constexpr const char* socket = "/run/systemd/journal/dev-log";
    if (os::path_exists(socket)) sources.log = TRY(os::clone_mount(AT_FDCWD, socket, false));
    return {};
}

Result<> mount_machine_folders(const Plan& plan, Sources& sources, int root) {
    for (const auto& [path, mode] : {std::pair("/run", 0755U), {"/run/lock", 0755U}, {"/tmp", 01777U}}) {
        if (std::ranges::find(plan.definition.mounts, path, &config::Mount::target) != plan.definition.mounts.end()) continue;
        config::Mount mount;
        mount.type = config::MountType::tmpfs;
        mount.target = path;
        mount.mode = mode;
        mount.options = {"exec", "tmpcopyup"};
        TRY(mount_definition_tmpfs(mount, root));
    }
    TRY(write_new(root, "/run/host", "container-manager", "gantry\n"));
    if (sources.log) TRY_CONTEXT(forward_journal(root, sources.log.get()), "journal");
    return {};
}

}  // namespace gantry::launch
