#include "launch/child.hpp"

#include "os/clone.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace gantry::launch {

namespace {

constexpr int engine_error = 125;  // Docker's exit status for a failure of the engine


Result<> name_host(const Plan& plan) {
    if (plan.definition.uts.kind != config::NamespaceMode::Kind::private_) return {};
    if (sethostname(plan.hostname.data(), plan.hostname.size()) != 0) return errno_error("set the host name '{}'", plan.hostname);
    const auto& domain = plan.definition.domainname;
    if (!domain.empty() && setdomainname(domain.data(), domain.size()) != 0) return errno_error("set the domain name '{}'", domain);
    return {};
}

// The root on a mount point of its own; where does not matter, nobody else sees it.
Result<os::Fd> attach_root(const Plan& plan, const os::Fd& rootfs) {
    const std::string folder = plan.paths.run + "/root";
    TRY(os::make_dirs(folder, 0700));
    TRY(os::attach_mount(rootfs.get(), AT_FDCWD, folder, "root file system"));
    return os::open(folder, O_PATH | O_DIRECTORY);
}

Result<> write_sysctls(const Plan& plan) {
    if (plan.definition.sysctls.empty()) return {};
    const os::Fd folder = TRY(os::open("/proc/sys", O_PATH | O_DIRECTORY));
    for (const auto& [name, value] : plan.definition.sysctls) TRY(sandbox::write_sysctl(folder.get(), name, value));
    return {};
}

Result<> use_terminal(const os::Fd& slave, const sandbox::Identity& who) {
    if (setsid() < 0 && errno != EPERM) return errno_error("start a session");
    if (ioctl(slave.get(), TIOCSCTTY, 0) != 0) return errno_error("take the terminal");
    if (fchown(slave.get(), who.uid, static_cast<gid_t>(-1)) != 0) return errno_error("own the terminal");
    for (int fd = 0; fd < 3; ++fd)
        if (dup2(slave.get(), fd) < 0) return errno_error("use the terminal");
    return {};
}

Result<> use_streams(std::array<os::Fd, 3>& stdio) {
    setsid();
    for (int fd = 0; fd < 3; ++fd)
        if (stdio[static_cast<std::size_t>(fd)] && dup2(stdio[static_cast<std::size_t>(fd)].get(), fd) < 0) return errno_error("set standard stream {}", fd);
    return {};
}

Result<> enter_workdir(const std::string& path) {
    if (chdir(path.c_str()) == 0) return {};
    if (errno != ENOENT) return errno_error("working directory '{}'", path);
    TRY_CONTEXT(os::make_dirs(path), "working directory");
    if (chdir(path.c_str()) != 0) return errno_error("working directory '{}'", path);
    return {};
}

Result<> wait_for_go(const os::Fd& launcher) {
    const auto message = TRY(os::receive_message(launcher.get()));
    if (message.text != "go") return error(Errc::cancelled, "the launcher is gone");
    return {};
}

// Descriptors 3 and up that systemd passed (sd_listen_fds(3)) stay; all others of ours end with the exec.
Result<> keep_descriptors(const Plan& plan, int launcher) {
    std::vector<int> kept;
    for (const auto& entry : plan.environment)
        if (entry.starts_with("LISTEN_FDS="))
            for (int fd = 3; fd < 3 + std::atoi(entry.c_str() + 11); ++fd)
                if (fd != launcher) kept.push_back(fd);
    return os::close_on_exec_from(3, kept);
}

Result<> become_payload(ChildSide& side) {
    const Plan& plan = *side.plan;
    TRY(name_host(plan));
    const os::Fd root = TRY(attach_root(plan, side.rootfs));
    TRY(mount_system(plan, root.get()));
    TRY(mount_name_files(plan, root.get()));
    TRY(mount_definition(plan, root.get(), side.sources));
    auto privileges = plan.privileges;
    privileges.who = TRY(sandbox::resolve_user(root.get(), plan.run_as, plan.definition.groups));
    Console console;
    if (plan.definition.tty) {
        console = TRY(make_console(root.get()));
        TRY(os::send_message(side.launcher.get(), "console", {console.master.get()}));
        console.master.reset();
    }
    TRY(wait_for_go(side.launcher));
    // Before the paths below are made read-only, and after the network's own settings.
    TRY(os::enter_root(root.get()));
    TRY(write_sysctls(plan));
    const os::Fd inside = TRY(os::open("/", O_PATH | O_DIRECTORY));
    TRY(enter_workdir(plan.workdir));
    TRY(hide_paths(plan, inside.get()));
    TRY(plan.definition.tty ? use_terminal(console.slave, privileges.who) : use_streams(side.stdio));
    TRY(keep_descriptors(plan, side.launcher.get()));
    auto environment = plan.environment;
    if (std::ranges::none_of(environment, [](const auto& entry) { return entry.starts_with("HOME="); }))
        environment.push_back("HOME=" + privileges.who.home);
    if (std::getenv("CREDENTIALS_DIRECTORY")) environment.emplace_back("CREDENTIALS_DIRECTORY=/run/credentials");
    TRY(sandbox::become(privileges));
    side.executing = true;
    return sandbox::execute(plan.argv, environment);
}

}  // namespace

int run_child(ChildSide& side) {
    // Nobody may look into this process before it is the payload: it still has descriptors of the host.
    prctl(PR_SET_DUMPABLE, 0);
    const auto result = become_payload(side);
    const Error& failure = result.error();
    const int code = side.executing ? sandbox::exit_code_of(failure) : engine_error;
    [[maybe_unused]] auto told = os::send_message(side.launcher.get(), fmt::format("failed {} {}", code, failure.message()));
    return code;
}

}  // namespace gantry::launch
