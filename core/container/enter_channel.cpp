#include "container/enter_channel.hpp"

#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace gantry::container {

namespace {

union ControlRoom {  // for one descriptor; the union aligns it
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

Result<ClonedChild> clone_child(std::uint64_t flags, const std::function<int()>& body) {
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = flags | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0) return errno_error("clone");
    if (pid == 0) _exit(body());
    return ClonedChild{static_cast<pid_t>(pid), os::Fd(pidfd)};
}

Result<os::Fd> open_process(pid_t pid) {
    os::Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!fd) return errno_error("open process {}", pid);
    return fd;
}

Result<> signal_process(int pidfd, int signal) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0) return errno_error("send signal {}", signal);
    return {};
}

Result<std::pair<os::Fd, os::Fd>> make_channel() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno_error("make a socket pair");
    return std::pair{os::Fd(ends[0]), os::Fd(ends[1])};
}

Result<> tell(int channel, std::string_view text, int fd) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    ControlRoom control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        std::memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    while (sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return errno_error("send a message");
    return {};
}

Result<ChannelMessage> hear(int channel) {
    char text[16384];
    iovec part{text, sizeof text};
    ControlRoom control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    ssize_t got = 0;
    while ((got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR) return errno_error("receive a message");
    ChannelMessage heard{std::string(text, static_cast<std::size_t>(got)), {}};
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        heard.fd = os::Fd(fd);
    }
    return heard;
}

}  // namespace gantry::container
