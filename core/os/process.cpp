#include "os/process.hpp"

#include "os/fd.hpp"
#include "os/pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <thread>

namespace gantry::os {

namespace {

using Clock = std::chrono::steady_clock;

Result<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return name;
    const char* variable = getenv("PATH");
    std::string_view rest = variable ? variable : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
        if (!folder.starts_with('/')) continue;
        std::string path = fmt::format("{}/{}", folder, name);
        if (access(path.c_str(), X_OK) == 0) return path;
    }
    return error(Errc::not_found, "program '{}' is not installed", name);
}

// posix_spawn's objects, freed however we leave.
struct SpawnSettings {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& words, int in, int out, int err) {
    SpawnSettings settings;
    posix_spawn_file_actions_adddup2(&settings.actions, in, 0);
    posix_spawn_file_actions_adddup2(&settings.actions, out, 1);
    posix_spawn_file_actions_adddup2(&settings.actions, err, 2);
    sigset_t none{}, all{};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&settings.attributes, &none);
    posix_spawnattr_setsigdefault(&settings.attributes, &all);
    posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int code = posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes, arguments.data(), environ);
    if (code != 0) return Error::from_errno(code, fmt::format("run '{}'", program));
    return pid;
}

// The child, killed with its group and reaped unless somebody waited for it.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child() {
        if (pid_ <= 0) return;
        kill(-pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Its status, unless the deadline comes first. Both outputs are closed by now: it is about to leave.
    Result<int> wait(Clock::time_point deadline) {
        for (int status = 0;;) {
            const pid_t done = waitpid(pid_, &status, WNOHANG);
            if (done < 0 && errno != EINTR) return errno_error("wait");
            if (done == pid_) {
                pid_ = -1;
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            }
            if (Clock::now() >= deadline) return error(Errc::timeout, "took too long");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

private:
    pid_t pid_;
};

// Reads what is there; false at the end.
Result<bool> drain(int fd, std::string& into, std::size_t limit) {
    std::array<char, 4096> buffer{};
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN ? Result<bool>(true) : errno_error("read its output");
    if (count == 0) return false;
    into.append(buffer.data(), static_cast<std::size_t>(count));
    if (into.size() > limit) return error(Errc::invalid, "wrote more than {} bytes", limit);
    return true;
}

// Feeds input and collects both outputs until they are closed.
Result<> converse(Fd in, const Fd& out, const Fd& err, const Command& command, Finished& finished, Clock::time_point deadline) {
    fcntl(in.get(), F_SETFL, O_NONBLOCK);
    std::string_view rest = command.input;
    if (rest.empty()) in.reset();
    std::array<pollfd, 3> ends{pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0}, pollfd{in.get(), POLLOUT, 0}};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return error(Errc::timeout, "took longer than {} ms", command.timeout.count());
        if (poll(ends.data(), ends.size(), static_cast<int>(left)) < 0 && errno != EINTR) return errno_error("poll");
        if (ends[0].revents && !TRY(drain(out.get(), finished.output, command.output_limit))) ends[0].fd = -1;
        if (ends[1].revents && !TRY(drain(err.get(), finished.errors, command.output_limit))) ends[1].fd = -1;
        if (ends[2].fd >= 0 && ends[2].revents) {
            const ssize_t count = write(in.get(), rest.data(), rest.size());
            if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
            if (rest.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) {
                in.reset();
                ends[2].fd = -1;
            }
        }
    }
    return {};
}

// A program that does not read its input must not end us with SIGPIPE.
class NoSigpipe {
public:
    NoSigpipe() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoSigpipe() {
        const timespec now{};
        if (sigismember(&before_, SIGPIPE) != 1)
            while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
            }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;

private:
    sigset_t pipe_{}, before_{};
};

}  // namespace

Result<Finished> run(const Command& command) {
    if (command.words.empty()) return error(Errc::invalid, "no program to run");
    const std::string program = TRY(find_program(command.words.front()));
    const auto deadline = Clock::now() + command.timeout;
    const NoSigpipe guard;
    Pipe in = TRY(make_pipe()), out = TRY(make_pipe()), err = TRY(make_pipe());
    Child child(TRY(spawn(program, command.words, in.read.get(), out.write.get(), err.write.get())));
    in.read.reset();
    out.write.reset();
    err.write.reset();
    Finished finished;
    TRY_CONTEXT(converse(std::move(in.write), out.read, err.read, command, finished, deadline), "'{}'", program);
    finished.status = TRY_CONTEXT(child.wait(deadline), "'{}'", program);
    return finished;
}

Result<Companion> Companion::start(const std::vector<std::string>& words) {
    const std::string program = TRY(find_program(words.at(0)));
    Pipe in = TRY(make_pipe()), out = TRY(make_pipe());
    const pid_t pid = TRY(spawn(program, words, in.read.get(), out.write.get(), STDERR_FILENO));
    return Companion(pid, std::move(in.write), std::move(out.read));
}

Companion::Companion(Companion&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), input_(std::move(other.input_)), output_(std::move(other.output_)) {}

Companion::~Companion() {
    if (pid_ > 0) const Child child(pid_);
}

Result<std::string> Companion::read_line(std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    std::string line;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd end{output_.get(), POLLIN, 0};
        const int ready = left > 0 ? poll(&end, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno != EINTR) return errno_error("poll");
        if (ready == 0) return error(Errc::timeout, "no answer within {} ms", timeout.count());
        if (ready < 0) continue;
        char c = 0;
        const ssize_t count = read(output_.get(), &c, 1);
        if (count < 0 && errno != EINTR) return errno_error("read its output");
        if (count == 0) return error(Errc::unavailable, "it ended");
        if (count < 0) continue;
        if (c == '\n') return line;
        line += c;
        if (line.size() > 4096) return error(Errc::invalid, "wrote a line of more than 4096 bytes");
    }
}

}  // namespace gantry::os
