#include "os/userns.hpp"

#include "os/file.hpp"
#include "os/pipe.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::os {

namespace {

Result<> write_map(pid_t pid, const char* file, const std::vector<IdRange>& ranges) {
    std::string text;
    for (const IdRange& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
    const std::string path = fmt::format("/proc/{}/{}", pid, file);
    Fd fd = TRY(open(path, O_WRONLY));
    // A short write would leave half a map for ever: the file takes one write only.
    if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return errno_error("write '{}'", path);
    return {};
}

// A child that waits in a new user namespace until its pipe is closed: also when this process dies.
class Holder {
public:
    static Result<Holder> start() {
        Pipe pipe = TRY(make_pipe());
        Holder holder;
        holder.pipe_ = std::move(pipe.write);
        struct clone_args arguments {};  // no exit signal: a SIGCHLD handler of the caller must not see this child
        arguments.flags = CLONE_NEWUSER;
        const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid < 0) return errno_error("make a user namespace");
        if (pid == 0) {
            char byte = 0;
            close(holder.pipe_.get());
            while (read(pipe.read.get(), &byte, 1) < 0 && errno == EINTR) {
            }
            _exit(0);
        }
        holder.pid_ = static_cast<pid_t>(pid);
        return holder;
    }

    Holder(Holder&& other) noexcept : pipe_(std::move(other.pipe_)), pid_(std::exchange(other.pid_, -1)) {}
    Holder& operator=(Holder&&) = delete;
    ~Holder() {
        pipe_.reset();
        if (pid_ < 0) return;
        while (waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
        }
    }
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    Holder() = default;
    Fd pipe_;
    pid_t pid_ = -1;
};

}  // namespace

Result<> write_id_maps(pid_t pid, const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) {
    TRY(write_map(pid, "uid_map", uids));
    return write_map(pid, "gid_map", gids);
}

Result<Fd> make_user_namespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) {
    Holder holder = TRY(Holder::start());
    TRY(write_id_maps(holder.pid(), uids, gids));
    return open(fmt::format("/proc/{}/ns/user", holder.pid()), O_RDONLY);
}

}  // namespace gantry::os
