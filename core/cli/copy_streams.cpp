// The loop of terminal.hpp. One thread, poll(2), no descriptor of the user's changed.
#include "cli/terminal.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace gantry::cli {

namespace {

constexpr int relayed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

// After the process ended, what it wrote is still in the pipes; something it left behind may hold them open, or write, for
// ever.
constexpr int quiet_milliseconds = 50;
constexpr std::size_t afterwards_limit = 1U << 20;

// Signals as events, for as long as it lives.
class Signals {
public:
    Result<> take(bool window, bool relay) {
        sigset_t set;
        sigemptyset(&set);
        if (window) sigaddset(&set, SIGWINCH);
        if (relay)
            for (const int signal : relayed) sigaddset(&set, signal);
        sigset_t blocked = set;
        sigaddset(&blocked, SIGPIPE);  // a write then fails instead
        if (pthread_sigmask(SIG_BLOCK, &blocked, &before_) != 0) return error(Errc::internal, "block signals");
        taken_ = true;
        fd_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!fd_) return errno_error("make a signal descriptor");
        return {};
    }
    ~Signals() {
        if (!taken_) return;
        // A SIGPIPE of ours that is pending now would end us when it is unblocked.
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        const timespec at_once{};
        while (sigtimedwait(&pipe, nullptr, &at_once) > 0) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] int next() const {  // 0: none
        signalfd_siginfo info{};
        return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
    }

private:
    os::Fd fd_;
    sigset_t before_{};
    bool taken_ = false;
};

void set_nonblocking(int fd) {
    const int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

class Copier {
public:
    explicit Copier(Streams& streams) : s_(streams) {
        if (s_.terminal >= 0) s_.remote_output = s_.terminal;
        for (const int fd : {s_.remote_output, s_.remote_errors, to_remote()}) set_nonblocking(fd);
        resize();
    }

    Result<CopyEnd> run() {
        Signals signals;
        TRY(signals.take(s_.terminal >= 0, static_cast<bool>(s_.on_signal)));
        bool ended = false;
        for (;;) {
            if (s_.remote_output < 0 && s_.remote_errors < 0 && (ended || s_.process < 0))
                return ended ? CopyEnd::process_ended : CopyEnd::streams_ended;
            // More input is read only when the last is written: what the container does not take waits with the user.
            std::array<pollfd, 6> fds{{{pending_.empty() && !ended ? s_.input : -1, POLLIN, 0},
                                       {pending_.empty() ? -1 : to_remote(), POLLOUT, 0},
                                       {s_.remote_output, POLLIN, 0},
                                       {s_.remote_errors, POLLIN, 0},
                                       {signals.fd(), POLLIN, 0},
                                       {ended ? -1 : s_.process, POLLIN, 0}}};
            const int ready = poll(fds.data(), fds.size(), ended ? quiet_milliseconds : -1);
            if (ready < 0 && errno != EINTR) return errno_error("poll");
            if (ready <= 0) {
                if (ready == 0) return CopyEnd::process_ended;
                continue;
            }
            if (fds[4].revents) on_signals(signals);
            if (fds[1].revents) write_pending();
            if (fds[2].revents) take(s_.remote_output, s_.output, false);
            if (fds[3].revents) take(s_.remote_errors, s_.errors, true);
            if (fds[0].revents) read_input();
            if (s_.detach && s_.detach->detached() && pending_.empty()) return CopyEnd::detached;
            if (ended && afterwards_ > afterwards_limit) return CopyEnd::process_ended;
            if (fds[5].revents) {
                ended = true;
                afterwards_ = 0;
            }
        }
    }

private:
    [[nodiscard]] int to_remote() const {
        return s_.terminal >= 0 ? s_.terminal : s_.remote_input ? s_.remote_input->get() : -1;
    }

    void resize() const {
        if (s_.terminal < 0) return;
        winsize size{};
        for (const int fd : {s_.input, s_.output})
            if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row != 0) {
                ioctl(s_.terminal, TIOCSWINSZ, &size);
                return;
            }
    }

    void on_signals(const Signals& signals) {
        while (const int signal = signals.next()) {
            if (signal == SIGWINCH)
                resize();
            else if (s_.on_signal)
                s_.on_signal(signal);
        }
    }

    void input_ended() {
        s_.input = -1;
        if (s_.remote_input && pending_.empty()) s_.remote_input->reset();
        close_after_ = true;
    }

    void read_input() {
        char buffer[32768];
        const ssize_t got = read(s_.input, buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got <= 0) return input_ended();
        const std::string_view data(buffer, static_cast<std::size_t>(got));
        pending_ = s_.detach ? s_.detach->filter(data) : std::string(data);
        if (to_remote() < 0) pending_.clear();
        write_pending();
    }

    void write_pending() {
        while (!pending_.empty()) {
            const ssize_t put = write(to_remote(), pending_.data(), pending_.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0 && errno == EAGAIN) return;
            if (put < 0) {  // nobody reads there any more: the rest of the input has no way to go
                pending_.clear();
                input_ended();
                return;
            }
            pending_.erase(0, static_cast<std::size_t>(put));
        }
        if (close_after_ && s_.remote_input) s_.remote_input->reset();
    }

    void take(int& from, int to, bool errors) {
        char buffer[65536];
        const ssize_t got = read(from, buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got <= 0) {  // EIO is how a pty's master learns that nobody has the other side open (pty(7) is silent on it)
            if (from == s_.terminal) s_.input = -1;
            from = -1;
            return;
        }
        const std::string_view data(buffer, static_cast<std::size_t>(got));
        afterwards_ += data.size();
        if (s_.copied) s_.copied(errors, data);
        // Whoever read our output may be gone: the container goes on, and what it writes is dropped.
        bool& broken = broken_[errors ? 1 : 0];
        if (to >= 0 && !broken && !os::write_all(to, data, "output").ok()) broken = true;
    }

    Streams& s_;
    std::string pending_;
    std::size_t afterwards_ = 0;  // bytes since the process ended
    bool close_after_ = false;
    bool broken_[2] = {false, false};
};

}  // namespace

Result<CopyEnd> copy_streams(Streams streams) { return Copier(streams).run(); }

}  // namespace gantry::cli
