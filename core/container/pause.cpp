#include "container/pause.hpp"

#include "container/engine_impl.hpp"
#include "os/file.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::container {

namespace {

// In the child of a process that may have threads: only what signal-safety(7) allows. The kernel's freezer first, so that the
// container goes on at once; PID 1 takes no note of that (unit_check_cgroup_events) and is told by systemctl.
[[noreturn]] void guard(int alive, int freezer, char* const* thaw) {
    setsid();  // not what the terminal's Ctrl-C is for
    // Locks of the parent must not outlive it.
    const int first = std::min(alive, freezer), second = std::max(alive, freezer);
    close_range(3, static_cast<unsigned>(first) - 1, 0);
    close_range(static_cast<unsigned>(first) + 1, static_cast<unsigned>(second) - 1, 0);
    close_range(static_cast<unsigned>(second) + 1, ~0U, 0);
    char word = 0;
    ssize_t got = 0;
    do got = read(alive, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 0) _exit(0);
    [[maybe_unused]] const ssize_t put = write(freezer, "0", 1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execv(thaw[0], thaw);
    _exit(1);
}

}  // namespace

Result<std::optional<Pause>> Pause::begin(systemd::Manager& manager, const std::string& unit) {
    const systemd::UnitState state = TRY(manager.state(unit));
    if (!is_up(state) || state.main_pid == 0 || state.freezer != "running") return std::optional<Pause>();
    Pause pause(manager, unit);
    TRY(pause.post_guard(state.control_group));
    TRY(manager.freeze(unit));
    return std::optional(std::move(pause));
}

Pause::Pause(Pause&& other) noexcept
    : manager_(other.manager_),
      unit_(std::exchange(other.unit_, {})),
      guard_(std::exchange(other.guard_, -1)),
      alive_(std::move(other.alive_)) {}

Pause::~Pause() {
    [[maybe_unused]] const auto ended = end();  // who wants to know calls end()
}

Result<> Pause::post_guard(const std::string& control_group) {
    const os::Fd freezer = TRY(os::open("/sys/fs/cgroup" + control_group + "/cgroup.freeze", O_WRONLY));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno_error("make a pipe");
    const os::Fd theirs(ends[0]);
    alive_ = os::Fd(ends[1]);
    std::string words[] = {"/usr/bin/systemctl", "--quiet", "thaw", unit_};
    char* const thaw[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps it: only SIGKILL ends it early
    guard_ = fork();
    const int number = errno;
    if (guard_ == 0) guard(theirs.get(), freezer.get(), thaw);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (guard_ < 0) return Error::from_errno(number, "fork");
    return {};
}

void Pause::dismiss_guard() {
    if (guard_ < 0) return;
    [[maybe_unused]] const ssize_t put = write(alive_.get(), "x", 1);
    while (waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) continue;
    guard_ = -1;
}

Result<> Pause::end() {
    if (unit_.empty()) return {};
    const std::string unit = std::exchange(unit_, {});
    auto thawed = manager_->thaw(unit);
    dismiss_guard();
    if (thawed.ok()) return thawed;
    const auto state = manager_->state(unit);
    if (state.ok() && state->freezer != "frozen") return {};
    return thawed;
}

}  // namespace gantry::container
