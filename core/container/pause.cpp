#include "container/pause.hpp"

#include "container/engine_impl.hpp"
#include "os/file.hpp"
#include "os/pipe.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::container {

namespace {

std::string notes_folder(const config::Paths& paths) { return paths.run + "/pauses"; }

struct Thaw {
    const char* freezer;  // its file, which gantryd's sandbox cannot write
    const char* note;
    char* const* command;
};

// In the child of a process that may have threads: only what signal-safety(7) allows. All signals are blocked but SIGKILL.
[[noreturn]] void guard(int alive, const Thaw& thaw) {
    setsid();  // not what the terminal's Ctrl-C is for
    // Locks of the parent must not outlive it.
    if (alive > 3) close_range(3, static_cast<unsigned>(alive) - 1, 0);
    close_range(static_cast<unsigned>(alive) + 1, ~0U, 0);
    char word = 0;
    ssize_t got = 0;
    do got = read(alive, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 0) _exit(0);
    // By the kernel first, so that the container goes on at once; PID 1 takes no note of that (unit_check_cgroup_events) and is
    // told by systemctl.
    if (const int file = open(thaw.freezer, O_WRONLY | O_CLOEXEC); file >= 0) [[maybe_unused]]
        const ssize_t put = write(file, "0", 1);
    const pid_t child = _Fork();
    if (child == 0) {
        execv(thaw.command[0], thaw.command);
        _exit(1);
    }
    int status = 1;
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0) unlink(thaw.note);
    _exit(0);
}

}  // namespace

Result<std::optional<Pause>> Pause::begin(const config::Paths& paths, systemd::Manager& manager, const ContainerName& name) {
    const std::string unit = unit_name(name);
    const systemd::UnitState state = TRY(manager.state(unit));
    if (!is_up(state) || state.main_pid == 0 || state.freezer != "running") return std::optional<Pause>();
    TRY(os::make_dirs(notes_folder(paths), 0700));
    Pause pause(manager, unit, notes_folder(paths) + "/" + name.str());
    pause.lock_ = TRY(os::lock_file(pause.note_, true, false));
    TRY(pause.post_guard(state.control_group));
    TRY(manager.freeze(unit));
    return std::optional(std::move(pause));
}

Pause::Pause(Pause&& other) noexcept
    : manager_(other.manager_),
      unit_(std::exchange(other.unit_, {})),
      note_(std::move(other.note_)),
      lock_(std::move(other.lock_)),
      guard_(std::exchange(other.guard_, -1)),
      alive_(std::move(other.alive_)) {}

Pause::~Pause() {
    [[maybe_unused]] const auto ended = end();  // who wants to know calls end()
}

Result<> Pause::post_guard(const std::string& control_group) {
    const std::string freezer = "/sys/fs/cgroup" + control_group + "/cgroup.freeze";
    os::Pipe pipe = TRY(os::make_pipe());
    const os::Fd theirs = std::move(pipe.read);
    alive_ = std::move(pipe.write);
    std::string words[] = {"/usr/bin/systemctl", "--quiet", "thaw", unit_};
    char* const command[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    const Thaw thaw{freezer.c_str(), note_.c_str(), command};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps it: only SIGKILL ends it early
    guard_ = fork();
    const int number = errno;
    if (guard_ == 0) guard(theirs.get(), thaw);
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
    if (!thawed.ok()) {
        const auto state = manager_->state(unit);
        if (!state.ok() || state->freezer == "frozen") return thawed;
    }
    unlink(note_.c_str());
    return {};
}

Result<std::vector<std::string>> finish_pauses(Engine& engine, bool repair) {
    std::vector<std::string> left;
    const std::string folder = notes_folder(engine.paths());
    for (const std::string& entry : TRY(os::list_dir(folder))) {
        const auto name = ContainerName::parse(entry);
        const std::string note = folder + "/" + entry;
        if (!name.ok() || !os::lock_file(note, true, false).ok()) continue;  // its owner is alive
        const std::string unit = unit_name(*name);
        systemd::Manager* manager = TRY(engine.systemd());
        const bool frozen = TRY(manager->state(unit)).freezer == "frozen";
        if (frozen) left.push_back(entry);
        if (frozen && repair) TRY(manager->thaw(unit));
        if (!frozen || repair) unlink(note.c_str());
    }
    return left;
}

}  // namespace gantry::container
