#include "cli/signal_relay.hpp"

#include "cli/context.hpp"

#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>

namespace gantry::cli {

namespace {

// Docker's client passes all on but SIGCHLD, SIGPIPE and SIGURG; those that tell of a fault of our own are ours.
sigset_t relayed_signals() {
    sigset_t set;
    sigfillset(&set);
    for (const int own :
         {SIGCHLD, SIGPIPE, SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGKILL, SIGSTOP})
        sigdelset(&set, own);
    return set;
}

}  // namespace

struct SignalRelay::Impl {
    std::string unit;
    os::Fd signals, stop;
    sigset_t before{};
    std::thread thread;

    void pass_on(int signal) const {
        // A connection of its own: the main thread waits on the other one.
        auto systemd = systemd::Manager::connect();
        if (systemd.ok())
            if (auto sent = systemd->kill(unit, "main", signal); !sent.ok()) complain(sent.error());
    }
    void run() const {
        for (;;) {
            std::array<pollfd, 2> fds{{{stop.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
            if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
            signalfd_siginfo info{};
            if (fds[1].revents && read(signals.get(), &info, sizeof info) == sizeof info)
                pass_on(static_cast<int>(info.ssi_signo));
            if (fds[0].revents) return;
        }
    }
};

SignalRelay::SignalRelay(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SignalRelay::SignalRelay(SignalRelay&&) noexcept = default;
SignalRelay::~SignalRelay() {
    if (!impl_) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = write(impl_->stop.get(), &one, sizeof one);
    if (impl_->thread.joinable()) impl_->thread.join();
    pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr);
}

Result<SignalRelay> SignalRelay::start(const std::string& unit, bool proxy) {
    auto impl = std::make_unique<Impl>();
    impl->unit = unit;
    sigset_t signals;
    sigemptyset(&signals);
    if (proxy) signals = relayed_signals();
    sigset_t blocked = signals;
    sigaddset(&blocked, SIGPIPE);  // a write then fails instead
    impl->stop = os::Fd(eventfd(0, EFD_CLOEXEC));
    impl->signals = os::Fd(signalfd(-1, &signals, SFD_CLOEXEC));
    if (!impl->stop || !impl->signals) return errno_error("prepare to relay signals");
    if (pthread_sigmask(SIG_BLOCK, &blocked, &impl->before) != 0) return error(Errc::internal, "block signals");
    impl->thread = std::thread([state = impl.get()] { state->run(); });
    return SignalRelay(std::move(impl));
}

}  // namespace gantry::cli
