#include "cli/console_client.hpp"

#include "console/protocol.hpp"
#include "container/enter_channel.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace gantry::cli {

namespace {

Result<> send_size(int socket) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
        const auto [rows, columns] = window_size(fd);
        if (rows != 0) return container::tell(socket, fmt::format("w{} {}", rows, columns));
    }
    return {};
}

// Window changes as events; blocked while it lives.
class WindowChanges {
public:
    WindowChanges() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
        fd_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~WindowChanges() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void drain() const {
        signalfd_siginfo info{};
        while (read(fd_.get(), &info, sizeof info) == sizeof info) {
        }
    }

private:
    os::Fd fd_;
    sigset_t before_{};
};

}  // namespace

Result<os::Fd> connect_console(const std::string& path, bool from_start) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error(Errc::invalid, "socket path '{}' is too long", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    os::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("make a socket");
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return error(Errc::unavailable, "nobody serves the console '{}'", path);
        return errno_error("connect to '{}'", path);
    }
    TRY(container::tell(socket.get(), from_start ? "attach-from-start" : "attach"));
    return socket;
}

Result<CopyEnd> copy_console(int socket, bool with_input, DetachKeys detach, const std::function<bool()>& give_up) {
    const WindowChanges windows;
    std::optional<RawTerminal> raw;
    if (with_input && isatty(STDIN_FILENO)) raw.emplace(TRY(RawTerminal::enter(STDIN_FILENO)));
    bool sized = false;
    for (;;) {
        pollfd fds[3] = {{socket, POLLIN, 0}, {with_input ? STDIN_FILENO : -1, POLLIN, 0}, {windows.fd(), POLLIN, 0}};
        const int ready = poll(fds, 3, 250);
        if (ready < 0 && errno != EINTR) return errno_error("poll");
        if (ready == 0 && give_up && give_up()) return CopyEnd::streams_ended;
        if (ready <= 0) continue;
        if (fds[2].revents) {
            windows.drain();
            TRY(send_size(socket));
        }
        if (fds[0].revents) {
            auto message = container::hear(socket);
            if (!message.ok() || message->text.empty()) return CopyEnd::streams_ended;
            // The first output tells that there is a terminal to be resized.
            if (!std::exchange(sized, true)) (void)send_size(socket).ok();
            if (message->text[0] == 'o') TRY(os::write_all(STDOUT_FILENO, std::string_view(message->text).substr(1), "output"));
        }
        if (fds[1].revents) {
            char buffer[console::packet_bytes];
            const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
            if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (got <= 0) {
                with_input = false;
                continue;
            }
            const std::string through = detach.filter({buffer, static_cast<std::size_t>(got)});
            for (std::size_t at = 0; at < through.size(); at += console::packet_bytes)
                if (!container::tell(socket, "i" + through.substr(at, console::packet_bytes)).ok())
                    return CopyEnd::streams_ended;
            if (detach.detached()) return CopyEnd::detached;
        }
    }
}

void feed_console(int socket) {
    std::thread([own = os::Fd(fcntl(socket, F_DUPFD_CLOEXEC, 3))] {
        char buffer[console::packet_bytes];
        for (;;) {
            const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;
            if (!container::tell(own.get(), "i" + std::string(buffer, static_cast<std::size_t>(got))).ok()) return;
        }
        (void)container::tell(own.get(), "c").ok();
        pause();  // the end of the connection would be the end of what it has not taken yet
    }).detach();
}

}  // namespace gantry::cli
