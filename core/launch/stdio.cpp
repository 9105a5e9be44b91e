#include "launch/stdio.hpp"

#include "os/file.hpp"
#include "os/unix_socket.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace gantry::launch {

namespace {

// Unset: nobody listens there.
Result<os::Fd> connect_to(const std::string& path, int type) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        // Too long for sun_path: through the folder's descriptor.
        const auto slash = path.rfind('/');
        auto folder = os::open(path.substr(0, slash), O_PATH | O_DIRECTORY);
        if (!folder.ok()) return os::Fd();
        return connect_to(fmt::format("/proc/self/fd/{}/{}", folder->get(), path.substr(slash + 1)), type);
    }
    memcpy(address.sun_path, path.data(), path.size());
    os::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("make a socket");
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    if (errno == ECONNREFUSED) unlink(path.c_str());  // of a CLI that is gone
    if (errno == ENOENT || errno == ECONNREFUSED) return os::Fd();
    return errno_error("connect to '{}'", path);
}

Result<> receive_stdio(const os::Fd& socket, Stdio& stdio) {
    const timeval limit{5, 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char text[16];
    iovec part{text, sizeof text};
    alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = 0;
    do got = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno_error("receive the standard streams");
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return error(Errc::unavailable, "no standard streams were sent");
    int descriptors[3]{-1, -1, -1};
    memcpy(descriptors, CMSG_DATA(header), std::min<std::size_t>(sizeof descriptors, header->cmsg_len - CMSG_LEN(0)));
    stdio.in = os::Fd(descriptors[0]);
    stdio.out = os::Fd(descriptors[1]);
    stdio.err = os::Fd(descriptors[2]);
    if (!stdio.in || !stdio.out || !stdio.err) return error(Errc::unavailable, "fewer than three standard streams were sent");
    return {};
}

// $JOURNAL_STREAM names the stream that systemd connected (systemd.exec(5)): only then is a second one like it wanted.
bool is_journal(int descriptor) {
    const char* text = getenv("JOURNAL_STREAM");
    struct stat info {};
    if (!text || fstat(descriptor, &info) != 0) return false;
    return fmt::format("{}:{}", info.st_dev, info.st_ino) == text;
}

// Pipes of the log pool, or sockets of the journal's where the definition wants those or PID 1 keeps no pool.
Result<> open_log(const Plan& plan, Stdio& stdio) {
    const bool out = is_journal(STDOUT_FILENO), err = is_journal(STDERR_FILENO);
    if (out && err && !plan.definition.log_direct) {
        auto slot = log::take_slot(plan.paths, plan.name);
        if (slot.ok()) {
            stdio.out = std::move(slot->out);
            stdio.err = std::move(slot->err);
            stdio.log = std::move(slot).value();
            return {};
        }
        if (slot.error().code() != Errc::unavailable) return std::move(slot).error();
        fmt::print(stderr, "<4>gantry: {}: /dev/stdout and /dev/stderr cannot be opened by path\n", slot.error().message());
    }
    // A second stream like the one that systemd connected, with another priority.
    if (err) stdio.err = TRY_CONTEXT(log::journal_stream(plan.name, 3), "standard error");
    return {};
}

Result<> send_descriptor(int socket, std::string_view text, int descriptor) {
    return os::send_message(socket, text, {descriptor}).context("send the terminal");
}

Result<os::Fd> make_terminal(const Plan& plan, const Stdio& stdio) {
    const os::Fd master = TRY(os::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY));
    const int unlock = 0;
    if (ioctl(master.get(), TIOCSPTLCK, &unlock) != 0) return errno_error("unlock the terminal");
    os::Fd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return errno_error("open the terminal");
    if (fchown(slave.get(), plan.privileges.who.uid, static_cast<gid_t>(-1)) != 0) return errno_error("give the terminal away");
    if (stdio.console) TRY(send_descriptor(stdio.console.get(), "console", master.get()));
    if (stdio.console && plan.machine) TRY(send_descriptor(stdio.console.get(), "keep", slave.get()));
    return slave;
}

Result<> become_descriptor(int from, int to) {
    if (from >= 0 && from != to && dup2(from, to) < 0) return errno_error("make descriptor {}", to);
    return {};
}

}  // namespace

Result<Stdio> open_stdio(const Plan& plan) {
    Stdio stdio;
    const config::Definition& definition = plan.definition;
    if (definition.tty || definition.open_stdin) {
        stdio.console = TRY_CONTEXT(
            connect_to(fmt::format("{}/console/{}.sock", plan.paths.run, plan.name.str()), SOCK_SEQPACKET), "console");
        if (definition.tty && !stdio.console)
            return error(Errc::unavailable,
                         "console: nobody listens for the terminal, is 'ctr-console@{}.service' stopped or masked",
                         plan.name.str());
    }
    if (definition.tty) return stdio;
    const os::Fd attach =
        TRY_CONTEXT(connect_to(fmt::format("{}/attach/{}.sock", plan.paths.run, plan.name.str()), SOCK_SEQPACKET), "attach");
    if (attach) {
        TRY_CONTEXT(receive_stdio(attach, stdio), "attach");
        return stdio;
    }
    if (!definition.log_to_journal) {
        stdio.out = TRY(os::open("/dev/null", O_WRONLY));
        stdio.err = TRY(os::open("/dev/null", O_WRONLY));
    } else {
        TRY(open_log(plan, stdio));
    }
    if (!stdio.console) return stdio;
    // open_stdin and detached: the console unit holds the other ends.
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno_error("make a socket pair");
    stdio.in = os::Fd(ends[0]);
    const os::Fd other(ends[1]);
    TRY(send_descriptor(stdio.console.get(), "stdin", other.get()));
    return stdio;
}

Result<> take_stdio(const Plan& plan, Stdio& stdio) {
    if (plan.definition.tty) {
        const os::Fd slave = TRY(make_terminal(plan, stdio));
        if (ioctl(slave.get(), TIOCSCTTY, 0) != 0) return errno_error("take the terminal");
        // /dev/console is the same terminal, as Docker and systemd's container interface have it.
        char path[64];
        if (ttyname_r(slave.get(), path, sizeof path) == 0) {
            const os::Fd place = TRY(os::open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600));
            const os::Fd copy = TRY(os::clone_mount(AT_FDCWD, path, false));
            TRY(os::attach_mount(copy.get(), AT_FDCWD, "/dev/console"));
        }
        for (int descriptor = 0; descriptor < 3; ++descriptor) TRY(become_descriptor(slave.get(), descriptor));
        return {};
    }
    TRY(become_descriptor(stdio.in.get(), 0));
    TRY(become_descriptor(stdio.out.get(), 1));
    return become_descriptor(stdio.err.get(), 2);
}

}  // namespace gantry::launch
