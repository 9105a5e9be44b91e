#include "container/enter.hpp"

#include "container/enter_channel.hpp"
#include "container/enter_child.hpp"
#include "os/file.hpp"
#include "os/self.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/magic.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace gantry::container {

namespace {

Error not_running(const std::string& container) { return error(Errc::unavailable, "container '{}' is not running", container); }

// The line "0::/PATH" of /proc/PID/cgroup: the unified hierarchy (cgroups(7)).
Result<std::string> cgroup_path(const std::string& proc) {
    const std::string text = TRY(os::read_file(proc + "/cgroup", 1 << 16));
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, end - at);
        if (line.starts_with("0::/")) return std::string(line.substr(3));
        at = end + 1;
    }
    return error(Errc::unsupported, "the host has no unified control group hierarchy");
}

// cgroup.procs of the first process's own group, to be written to by the process that enters; none where we are in it already.
Result<os::Fd> open_cgroup(const std::string& container, const std::string& proc) {
    const std::string theirs = TRY(cgroup_path(proc)), ours = TRY(cgroup_path("/proc/self"));
    if (theirs == ours) return os::Fd();
    std::string folder = "/sys/fs/cgroup";
    struct statfs info {};
    if (statfs(folder.c_str(), &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) folder += "/unified";
    folder += theirs;
    auto events = os::read_file(folder + "/cgroup.events", 4096);
    if (events.ok() && events->find("frozen 1") != std::string::npos)
        return error(Errc::unavailable, "container '{}' is paused", container);
    return os::open(folder + "/cgroup.procs", O_WRONLY);
}

// Joining one's own user namespace again is refused (setns(2)): it is left out where it is the same.
Result<int> namespaces_to_join(const std::string& proc) {
    struct stat theirs {
    }, ours{};
    if (stat((proc + "/ns/user").c_str(), &theirs) != 0) return errno_error("look at '{}/ns/user'", proc);
    if (stat("/proc/self/ns/user", &ours) != 0) return errno_error("look at our user namespace");
    int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev) flags |= CLONE_NEWUSER;
    return flags;
}

Result<EnterPlan> make_plan(const EnterRequest& request) {
    EnterPlan plan{.request = &request};
    auto target = open_process(request.pid);
    if (!target.ok()) return not_running(request.container);
    plan.target = std::move(target).value();
    const std::string proc = fmt::format("/proc/{}", request.pid);
    plan.cgroup = TRY(open_cgroup(request.container, proc));
    plan.namespaces = TRY(namespaces_to_join(proc));
    for (std::size_t at = 0; at < plan.stdio.size() && !request.terminal; ++at) {
        plan.stdio[at] = os::Fd(request.stdio[at] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC)
                                                      : fcntl(request.stdio[at], F_DUPFD_CLOEXEC, 3));
        if (!plan.stdio[at]) return errno_error("open standard stream {}", at);
    }
    struct stat root {};
    if (stat("/", &root) != 0) return errno_error("stat '/'");
    plan.host_root_device = root.st_dev;
    plan.host_root_inode = root.st_ino;
    // The number may have been given to another process while we read below /proc: what was read is the target's if it lives
    // now.
    if (!signal_process(plan.target.get(), 0).ok()) return not_running(request.container);
    return plan;
}

// Everything that the two processes have to say, until both have let go of the channel: by their end or by exec.
struct Heard {
    pid_t pid = 0;
    os::Fd pidfd, terminal;
    std::optional<Error> failure;
};

Result<Heard> listen(int channel) {
    Heard heard;
    for (;;) {
        ChannelMessage message = TRY(hear(channel));
        if (message.text.empty()) return heard;
        if (message.text.starts_with("started ") && message.fd) {
            heard.pid = static_cast<pid_t>(std::strtol(message.text.c_str() + 8, nullptr, 10));
            heard.pidfd = std::move(message.fd);
        } else if (message.text == "terminal" && message.fd) {
            heard.terminal = std::move(message.fd);
        } else if (auto failure = decode_failure(message.text); failure && !heard.failure) {
            heard.failure = std::move(failure);
        }
    }
}

}  // namespace

Result<Entered> enter(const EnterRequest& request) {
    if (request.command.empty()) return error(Errc::invalid, "no command to execute");
    if (!TRY(os::own_binary_is_sealed()))
        return error(Errc::internal, "the program that enters a container must be sealed first");
    EnterPlan plan = TRY(make_plan(request));
    auto [ours, theirs] = TRY(make_channel());
    auto [outcome, tells] = TRY(make_channel());
    plan.channel = std::move(theirs);
    plan.outcome = std::move(tells);
    // fork(2), not a raw clone: its handlers keep memory allocation usable in the child of a program with threads.
    const pid_t guide = fork();
    if (guide < 0) return errno_error("fork");
    if (guide == 0) {
        ours.reset();
        outcome.reset();
        _exit(run_guide(plan));
    }
    plan.channel.reset();
    plan.outcome.reset();
    Entered entered(guide, std::move(outcome));
    Heard heard = TRY(listen(ours.get()));
    if (heard.failure) {
        // The guide reaps before it goes: what nobody waited for would hold up the container's end.
        (void)entered.wait().ok();
        return *std::move(heard.failure);
    }
    if (!heard.pidfd) return not_running(request.container);
    entered.pid_ = heard.pid;
    entered.pidfd_ = std::move(heard.pidfd);
    entered.terminal_ = std::move(heard.terminal);
    return entered;
}

Entered::Entered(Entered&& other) noexcept
    : pid_(other.pid_),
      guide_(std::exchange(other.guide_, -1)),
      outcome_(std::move(other.outcome_)),
      pidfd_(std::move(other.pidfd_)),
      terminal_(std::move(other.terminal_)) {}

Entered::~Entered() {
    outcome_.reset();
    if (guide_ < 0) return;
    while (waitpid(guide_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<int> Entered::wait() {
    const ChannelMessage message = TRY(hear(outcome_.get()));
    int status = 0;
    const std::string_view text = message.text;
    if (text.starts_with("exited ") && std::from_chars(text.data() + 7, text.data() + text.size(), status).ec == std::errc())
        return status;
    // The guide is in the container's control group: it was killed with everything else there.
    return 128 + SIGKILL;
}

int exec_exit_status(const Error& failure) {
    if (failure.code() == Errc::unavailable) return 1;
    return sandbox::exit_code_of(failure);
}

Result<> resize(int terminal, const TerminalSize& size) {
    struct winsize wanted {};
    wanted.ws_row = size.rows;
    wanted.ws_col = size.columns;
    if (ioctl(terminal, TIOCSWINSZ, &wanted) != 0) return errno_error("resize the terminal");
    return {};
}

}  // namespace gantry::container
