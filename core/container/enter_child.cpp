#include "container/enter_child.hpp"

#include "container/enter_channel.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace gantry::container {

namespace {

// Nobody inside may trace us, read our memory or open what our /proc/PID shows (ptrace(2), "Ptrace access mode checking"):
// undone by exec. A change of ids sets it back.
Result<> hide() {
    if (prctl(PR_SET_DUMPABLE, 0) != 0) return errno_error("make the process undumpable");
    return {};
}

Result<> join_cgroup(const EnterPlan& plan) {
    if (!plan.cgroup) return {};
    return os::write_all(plan.cgroup.get(), "0", "cgroup.procs").context("join the container's control group");
}

Result<> join_namespaces(const EnterPlan& plan) {
    // All or none (kernel 5.8); the target is the very process that was looked at.
    if (setns(plan.target.get(), plan.namespaces) != 0) {
        if (errno == ESRCH) return error(Errc::unavailable, "container '{}' is not running", plan.request->container);
        return errno_error("join the container's namespaces");
    }
    struct stat root {};
    if (stat("/", &root) != 0) return errno_error("stat the container's '/'");
    // While a container is put together its first process has the host's root: a command for it must never run there.
    if (root.st_dev == plan.host_root_device && root.st_ino == plan.host_root_inode)
        return error(Errc::unavailable, "container '{}' is still being put together", plan.request->container);
    if (plan.namespaces & CLONE_NEWUSER) {
        // Joining gives the capabilities there but no ids: ours are not mapped.
        if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return errno_error("become root of the container");
        TRY(hide());
    }
    return {};
}

Result<> default_signals() {
    for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);  // some cannot be set, and need not
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return errno_error("unblock signals");
    return {};
}

Result<> place(int from, int to) {
    if (dup2(from, to) != to) return errno_error("place standard stream {}", to);
    return {};
}

// A terminal from the container's own devpts, so that ttyname(3) works inside. What is there may be made by the container: only
// a real devpts multiplexer is used.
Result<> open_terminal(const EnterPlan& plan, uid_t owner) {
    const os::Fd root = TRY(os::open("/", O_PATH | O_DIRECTORY));
    const os::Fd found = TRY_CONTEXT(os::open_in_root(root.get(), "dev/pts/ptmx", O_PATH | O_NOFOLLOW), "make a terminal");
    struct stat info {};
    struct statfs system {};
    if (fstat(found.get(), &info) != 0 || fstatfs(found.get(), &system) != 0) return errno_error("look at '/dev/pts/ptmx'");
    if (system.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(info.st_mode) || info.st_rdev != makedev(5, 2))
        return error(Errc::unsupported, "make a terminal: the container's '/dev/pts/ptmx' is not what it should be");
    const os::Fd master = TRY(os::open(fmt::format("/proc/self/fd/{}", found.get()), O_RDWR | O_NOCTTY));
    const int unlocked = 0;
    if (ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) return errno_error("unlock the terminal");
    const os::Fd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));  // kernel 4.13: no path is looked up
    if (!slave) return errno_error("open the terminal");
    if (plan.request->size.rows != 0) TRY(resize(master.get(), plan.request->size));
    if (fchown(slave.get(), owner, static_cast<gid_t>(-1)) != 0) return errno_error("set the owner of the terminal");
    if (ioctl(slave.get(), TIOCSCTTY, 0) != 0) return errno_error("make the terminal the controlling one");
    for (int to = 0; to < 3; ++to) TRY(place(slave.get(), to));
    return tell(plan.channel.get(), "terminal", master.get());
}

Result<> take_stdio(const EnterPlan& plan, uid_t owner) {
    for (int to = 0; to < 3; ++to) {
        TRY(place(plan.stdio[static_cast<std::size_t>(to)].get(), to));
        struct stat info {};
        // "echo > /dev/stderr" opens the pipe once more, as the user that the command runs as.
        if (fstat(to, &info) == 0 && S_ISFIFO(info.st_mode)) [[maybe_unused]]
            const int given = fchown(to, owner, static_cast<gid_t>(-1));
    }
    return {};
}

// The channel becomes descriptor 3, everything after it is closed: a working folder below /proc/self/fd must find nothing of
// the host's (CVE-2024-21626).
Result<> close_all_but(os::Fd& channel) {
    if (channel.get() != 3) {
        if (dup3(channel.get(), 3, O_CLOEXEC) != 3) return errno_error("place the channel");
        channel = os::Fd(3);
    }
    if (close_range(4, ~0U, 0) != 0) return errno_error("close descriptors");
    return {};
}

Result<> go_to(const std::string& workdir) {
    const std::string folder = workdir.empty() ? "/" : workdir;
    if (folder[0] != '/') return error(Errc::invalid, "working folder '{}' is not absolute", folder);
    if (chdir(folder.c_str()) != 0) return errno_error("change to working folder '{}'", folder);
    char where[PATH_MAX];
    // The raw call: the kernel marks a folder that is not below our root with "(unreachable)".
    if (syscall(SYS_getcwd, where, sizeof where) < 0 || where[0] != '/')
        return error(Errc::denied, "working folder '{}' is outside the container", folder);
    return {};
}

// Ends in exec, or returns why not.
Error run_inside(EnterPlan& plan) {
    const EnterRequest& request = *plan.request;
    sandbox::Privileges privileges = request.privileges;
    std::vector<std::string> environment = request.environment;
    const auto prepare = [&]() -> Result<> {
        TRY(hide());
        if (setsid() < 0) return errno_error("make a session");
        TRY(default_signals());
        // The caller's keys are not the container's (keyrings(7)); kernels without keyrings have none to leak.
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS)
            return errno_error("make a session keyring");
        {
            const os::Fd root = TRY(os::open("/", O_PATH | O_DIRECTORY));
            privileges.who = TRY(sandbox::resolve_user(root.get(), request.run_as, request.groups));
        }
        TRY(request.terminal ? open_terminal(plan, privileges.who.uid) : take_stdio(plan, privileges.who.uid));
        TRY(close_all_but(plan.channel));
        if (std::ranges::none_of(environment, [](const auto& entry) { return entry.starts_with("HOME="); }))
            environment.push_back("HOME=" + privileges.who.home);
        TRY(go_to(request.workdir));
        return sandbox::become(privileges);
    };
    if (auto prepared = prepare(); !prepared.ok()) return std::move(prepared).error();
    return sandbox::execute(request.command, environment);
}

void report(const EnterPlan& plan, const Error& failure) {
    // The caller is gone if this fails: nobody is left to tell.
    (void)tell(plan.channel.get(), encode_failure(failure)).ok();
}

// The guide's second half: holds nothing of the caller's but the way to tell how it ended.
int wait_for(int outcome, int child) {
    if (fcntl(outcome, F_GETFD) < 0 || dup2(outcome, 100) < 0 || dup2(child, 101) < 0) return 1;
    if (dup2(100, 0) < 0 || dup2(101, 1) < 0 || close_range(2, ~0U, 0) != 0) return 1;
    for (;;) {
        struct pollfd waiting[2] = {{0, 0, 0}, {1, POLLIN, 0}};
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) return 1;
        siginfo_t info{};
        if (waiting[1].revents && waitid(P_PIDFD, 1, &info, WEXITED) == 0) {
            const int status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
            return tell(0, fmt::format("exited {}", status)).ok() ? 0 : 1;
        }
        // Nobody wants to know: the host's first process inherits the child and reaps it.
        if (waiting[0].revents & (POLLHUP | POLLERR)) return 0;
    }
}

}  // namespace

int run_guide(EnterPlan& plan) {
    ClonedChild child;
    const auto steps = [&]() -> Result<> {
        TRY(hide());
        // No signal from the caller's terminal reaches us.
        if (setsid() < 0) return errno_error("make a session");
        TRY(join_cgroup(plan));
        TRY(join_namespaces(plan));
        auto cloned = clone_child(0, [&] {
            plan.outcome.reset();
            const Error failure = run_inside(plan);
            report(plan, failure);
            return sandbox::exit_code_of(failure);
        });
        if (!cloned.ok()) {
            // pid_namespaces(7): a namespace whose first process has ended takes no new ones.
            if (cloned.error().sys() == ENOMEM)
                return error(Errc::unavailable, "container '{}' is not running", plan.request->container);
            return std::move(cloned).error();
        }
        child = std::move(cloned).value();
        return tell(plan.channel.get(), fmt::format("started {}", child.pid), child.pidfd.get());
    };
    if (auto done = steps(); !done.ok()) {
        report(plan, done.error());
        return 1;
    }
    return wait_for(plan.outcome.get(), child.pidfd.get());
}

std::string encode_failure(const Error& failure) {
    // from_errno() below adds the kernel's reason again.
    std::string_view text = failure.message();
    if (failure.sys() != 0) {
        const std::string reason = fmt::format("{}", Error::from_errno(failure.sys(), "").message());
        if (text.ends_with(reason)) text.remove_suffix(reason.size());
    }
    return fmt::format("failed {} {} {}", failure.sys(), static_cast<int>(failure.code()), text);
}

std::optional<Error> decode_failure(const std::string& message) {
    int number = 0, code = 0;
    const char* const end = message.data() + message.size();
    if (!message.starts_with("failed ")) return std::nullopt;
    const auto first = std::from_chars(message.data() + 7, end, number);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, code);
    if (second.ec != std::errc() || second.ptr == end || *second.ptr != ' ') return std::nullopt;
    if (code < 0 || code > static_cast<int>(Errc::internal) || number < 0) return std::nullopt;
    const std::string_view text(second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1));
    if (number != 0) return Error::from_errno(number, text);
    return Error(static_cast<Errc>(code), std::string(text));
}

}  // namespace gantry::container
