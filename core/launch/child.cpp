#include "launch/child.hpp"

#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>

namespace gantry::launch {

namespace {

constexpr int engine_error = 125;  // Docker's exit status for a container that could not be started

[[noreturn]] void fail(Channel& channel, int status, const Error& reason) {
    const std::string text = fmt::format("E{} {}", status, reason.message());
    [[maybe_unused]] const auto told = os::write_all(channel.from_child.write.get(), text, "the launcher");
    // Our end is the unit's: the launcher says why first, then closes its pipe.
    channel.from_child.write.reset();
    char nothing = 0;
    while (read(channel.to_child.read.get(), &nothing, 1) > 0 || errno == EINTR) errno = 0;
    _exit(status);
}

void wait_for(const Channel& channel, Go expected) {
    char got = 0;
    ssize_t count = 0;
    do count = read(channel.to_child.read.get(), &got, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1 || got != static_cast<char>(expected)) _exit(engine_error);
}

// A process that is the first of a PID namespace ignores signals without a handler: without one, `systemctl stop` during a
// start would wait for its timeout. Exec puts the default back.
void die_on_stop(int) { _exit(128 + SIGTERM); }

Result<> loopback_up() {
    const os::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("make a socket");
    ifreq request{};
    memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return errno_error("bring up the loopback interface");
    return {};
}

Result<> set_names(const Plan& plan) {
    if (!plan.own_uts) return {};
    if (sethostname(plan.hostname.data(), plan.hostname.size()) != 0) return errno_error("set hostname '{}'", plan.hostname);
    const std::string& domain = plan.definition.domainname;
    if (!domain.empty() && setdomainname(domain.data(), domain.size()) != 0) return errno_error("set domain name '{}'", domain);
    return {};
}

// Every group may have ping sockets (icmp(7)): ping then needs no CAP_NET_RAW, which no container with a network policy has. As
// moby does (daemon/oci_linux.go); groups that a user namespace lacks cannot be named.
Result<> let_ping(const Plan& plan, int sysctls) {
    if (!plan.own_net) return {};
    std::uint64_t last = std::numeric_limits<std::int32_t>::max();
    for (const driver::IdMap& map : plan.ids)
        if (map.container == 0) last = map.count - 1;
    return sandbox::write_sysctl(sysctls, "net.ipv4.ping_group_range", fmt::format("0 {}", last));
}

Result<> assemble(const Plan& plan, ChildState& state) {
    // In a mount namespace of its own, whose mounts are the host's peers; attached somewhere so that it can become "/".
    if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) return errno_error("make the mounts slaves");
    TRY(os::attach_mount(state.root.get(), AT_FDCWD, plan.paths.run + "/root"));
    const int root = state.root.get();
    const os::Fd sysctls = TRY(mount_kernel_file_systems(plan, state.sources, root));
    TRY_CONTEXT(make_devices(plan, state.sources, root), "devices");
    TRY(mount_user_mounts(plan, state.sources, root));
    TRY_CONTEXT(mount_credentials(plan, root), "credentials");
    TRY(let_ping(plan, sysctls.get()));
    for (const auto& [name, value] : plan.definition.sysctls) TRY(sandbox::write_sysctl(sysctls.get(), name, value));
    if (plan.workdir != "/") TRY_CONTEXT(os::make_dirs_in_root(root, plan.workdir), "working folder '{}'", plan.workdir);
    TRY(protect_paths(plan, root));
    return os::enter_root(root);
}

Result<> start_fresh(const Plan& plan) {
    reset_signals();
    signal(SIGTERM, die_on_stop);
    // systemd made the launcher a session's leader; a new process of it is none.
    setsid();
    ::umask(0);
    // /proc/PID/exe is gantry-launch until exec: nobody inside may open it (CVE-2019-5736).
    if (prctl(PR_SET_DUMPABLE, 0) != 0) return errno_error("become undumpable");
    if (plan.ids.empty()) return {};
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return errno_error("become root of the user namespace");
    return {};
}

Result<> enter_folder(const Plan& plan) {
    if (chdir(plan.workdir.c_str()) != 0) return errno_error("enter working folder '{}'", plan.workdir);
    // CVE-2024-21626: a working folder that leads through a descriptor of the host's would not be below the root.
    char path[4096];
    if (!getcwd(path, sizeof path) || path[0] != '/')
        return error(Errc::denied, "working folder '{}' is outside the container", plan.workdir);
    return {};
}

}  // namespace

void run_child(const Plan& plan, ChildState& state, Channel& channel) {
    channel.to_child.write.reset();
    channel.from_child.read.reset();
    const auto step = [&](Result<> result) {
        if (!result.ok()) fail(channel, engine_error, result.error());
    };
    if (!plan.ids.empty()) wait_for(channel, Go::maps);
    step(start_fresh(plan));
    step(set_names(plan));
    if (plan.own_net) step(loopback_up());
    step(assemble(plan, state));
    step(take_stdio(plan, state.stdio).context("standard streams"));
    wait_for(channel, Go::network);
    step(enter_folder(plan));
    // LISTEN_FDS= keep 3 and up; everything else of ours ends with exec.
    step(os::close_on_exec_from(3 + plan.sockets));
    step(sandbox::become(plan.privileges).context("privileges"));
    auto found = sandbox::find_executable(plan.argv, plan.environment);
    if (!found.ok()) fail(channel, sandbox::exit_code_of(found.error()), found.error());
    step(os::write_all(channel.from_child.write.get(), "x", "the launcher"));
    wait_for(channel, Go::exec);
    const Error failure = state.sources.init
                              ? sandbox::execute_init(state.sources.init.get(), found.value(), plan.argv, plan.environment)
                              : sandbox::execute_file(found.value(), plan.argv, plan.environment);
    // Reachable only where the look-up above was wrong (a file replaced since, a broken format): the unit is up already, so
    // this goes to the container's own standard error.
    const std::string text = failure.message() + "\n";
    [[maybe_unused]] const auto told = os::write_all(STDERR_FILENO, text, "standard error");
    _exit(sandbox::exit_code_of(failure));
}

}  // namespace gantry::launch
