#include "os/clone.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace gantry::os {

Result<Child> clone_process(std::uint64_t flags, const std::function<int()>& body) {
    int pidfd = -1;
    clone_args args{};
    args.flags = flags | CLONE_PIDFD;
    args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    // With CLONE_PARENT the signal is the parent's business (clone(2): it must be 0 in clone3).
    args.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD;
    const long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return errno_error("clone");
    if (pid == 0) _exit(body());
    return Child{static_cast<pid_t>(pid), Fd(pidfd)};
}

Result<Fd> open_pidfd(pid_t pid) {
    const long fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return errno_error("open process {}", pid);
    return Fd(static_cast<int>(fd));
}

Result<> signal_pidfd(int pidfd, int signal) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0) return errno_error("send signal {}", signal);
    return {};
}

Result<> close_on_exec_from(unsigned first, const std::vector<int>& keep) {
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno_error("close descriptors");
    for (const int fd : keep)
        if (fcntl(fd, F_SETFD, 0) != 0) return errno_error("keep descriptor {}", fd);
    return {};
}

}  // namespace gantry::os
