#include "log/reader.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace gantry::log {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A container's last words are its reaper's. Where none comes, they are told all the same.
constexpr auto patience = 5s;
constexpr std::size_t batch = 65536;

std::string target_of(const std::string& link) {
    char target[4096];
    const ssize_t length = readlink(link.c_str(), target, sizeof target);
    return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
}

// The journal takes _PID=, and from that the unit and the program, of whoever sent a piece (SCM_CREDENTIALS, unix(7)): we send
// in the name of the container's first process. ESRCH: that is dead.
Result<> send_as(int stream, std::string_view data, const ucred& who) {
    while (!data.empty()) {
        iovec part{const_cast<char*>(data.data()), data.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof who)]{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_CREDENTIALS;
        header->cmsg_len = CMSG_LEN(sizeof who);
        memcpy(CMSG_DATA(header), &who, sizeof who);
        const ssize_t sent = sendmsg(stream, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno_error("send to the journal");
        data.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

Result<> read_exactly(int fd, char* to, std::size_t count) {
    while (count > 0) {
        const ssize_t got = read(fd, to, count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read a pipe");
        if (got == 0) return error(Errc::internal, "a pipe ended");
        to += got;
        count -= static_cast<std::size_t>(got);
    }
    return {};
}

void complain(const Error& reason) { fmt::print(stderr, "<3>gantry-log: {}\n", reason.message()); }

}  // namespace

Reader::Reader(std::string folder, std::vector<os::Fd> pipes, std::function<void(int)> more_pools)
    : folder_(std::move(folder)), more_pools_(std::move(more_pools)) {
    for (os::Fd& pipe : pipes) {
        Source source;
        std::string name = target_of(fmt::format("/proc/self/fd/{}", pipe.get()));
        name.erase(0, name.rfind('/') + 1);
        source.pipe = std::move(pipe);
        if (name.ends_with(".out") || name.ends_with(".err")) {
            source.priority = name.ends_with(".out") ? 6 : 3;
            source.link = folder_ + "/" + name.substr(0, name.size() - 4);
        }
        sources_.push_back(std::move(source));
    }
}

Result<> Reader::run(std::chrono::milliseconds quiet) {
    poll_ = os::Fd(epoll_create1(EPOLL_CLOEXEC));
    int copy[2];
    if (!poll_ || pipe2(copy, O_CLOEXEC) != 0) return errno_error("prepare to read");
    copy_out_ = os::Fd(copy[0]);
    copy_in_ = os::Fd(copy[1]);
    for (std::size_t index = 0; index < sources_.size(); ++index) {
        epoll_event event{EPOLLIN | EPOLLET, {}};
        event.data.u64 = index;
        if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, sources_[index].pipe.get(), &event) != 0) return errno_error("watch a pipe");
    }
    for (;;) {
        std::array<epoll_event, 64> events;
        const int count =
            epoll_wait(poll_.get(), events.data(), events.size(), paused_.empty() ? static_cast<int>(quiet.count()) : 50);
        if (count < 0 && errno != EINTR) return errno_error("wait for output");
        if (count == 0 && paused_.empty()) return pass_on_unfinished();
        for (const int index : std::exchange(paused_, {})) {
            epoll_event event{EPOLLIN | EPOLLET, {}};
            event.data.u64 = static_cast<std::uint64_t>(index);
            if (epoll_ctl(poll_.get(), EPOLL_CTL_MOD, sources_[static_cast<std::size_t>(index)].pipe.get(), &event) != 0)
                return errno_error("watch a pipe");
        }
        for (int at = 0; at < count; ++at) {
            const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(at)].data.u64);
            if (auto looked = look(sources_[index]); !looked.ok()) {
                complain(looked.error());
                pause(static_cast<int>(index));
            } else if (sources_[index].dead_since) {
                pause(static_cast<int>(index));
            }
        }
    }
}

void Reader::pause(int index) {
    epoll_event event{0, {}};
    event.data.u64 = static_cast<std::uint64_t>(index);
    if (epoll_ctl(poll_.get(), EPOLL_CTL_MOD, sources_[static_cast<std::size_t>(index)].pipe.get(), &event) == 0)
        paused_.push_back(index);
}

Result<> Reader::look(Source& source) {
    if (source.link.empty()) {
        std::array<unsigned char, 64> asked;
        // To the end, for the event is an edge; and not further, for the pipe blocks (systemd.exec(5), NonBlocking=).
        for (int waiting = 0; ioctl(source.pipe.get(), FIONREAD, &waiting) == 0 && waiting > 0;) {
            const ssize_t got = read(source.pipe.get(), asked.data(), asked.size());
            if (got <= 0) break;
            more_pools_(*std::max_element(asked.begin(), asked.begin() + got));
        }
        return {};
    }
    // The reaper reads under it too.
    const os::Fd lock = TRY(lock_pool(folder_));
    TRY(look_at_owner(source));
    if (!source.owner) return disown(source);
    if (TRY(pass_on(source, false))) {
        source.dead_since.reset();
        return {};
    }
    if (!source.dead_since) source.dead_since = Clock::now();
    if (Clock::now() - *source.dead_since > patience) return disown(source);
    return {};
}

Result<> Reader::look_at_owner(Source& source) {
    struct stat info {};
    if (lstat(source.link.c_str(), &info) != 0) {
        if (errno != ENOENT) return errno_error("look at '{}'", source.link);
        source.owner.reset();
        return {};
    }
    const std::pair made(info.st_ino, std::int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec);
    if (made == source.link_made && source.owner && source.process.pid > 0) return {};
    source.stream.reset();
    source.process = {};
    source.owner = TRY(ContainerName::parse(target_of(source.link)));
    source.link_made = made;
    const std::string process = target_of(source.link + ".pid");
    std::from_chars(process.data(), process.data() + process.size(), source.process.pid);
    if (source.process.pid <= 0 || stat(("/proc/" + process).c_str(), &info) != 0) return {};
    source.process.uid = info.st_uid;
    source.process.gid = info.st_gid;
    return {};
}

// False: the container's process is dead, or not known yet. Taken out of the pipe only when the journal has it: killed in
// between, a line comes twice rather than never. The beginning of a line stays in the pipe (unless it must go: force), where
// the reaper finds it when the container ends; journald would keep it until our stream ends.
Result<bool> Reader::pass_on(Source& source, bool force) {
    source.unfinished = false;
    for (;;) {
        if (source.process.pid <= 0) return false;
        const ssize_t got = tee(source.pipe.get(), copy_in_.get(), batch, SPLICE_F_NONBLOCK);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0 || (got < 0 && errno == EAGAIN)) return true;
        if (got < 0) return errno_error("copy what container '{}' wrote", source.owner->str());
        static char buffer[batch];
        TRY(read_exactly(copy_out_.get(), buffer, static_cast<std::size_t>(got)));
        std::string_view lines(buffer, static_cast<std::size_t>(got));
        const auto end = lines.rfind('\n');
        if (!force && end == std::string_view::npos && lines.size() < batch) {
            source.unfinished = true;
            return true;
        }
        if (!force && end != std::string_view::npos) lines = lines.substr(0, end + 1);
        if (!source.stream) source.stream = TRY(journal_stream(*source.owner, source.priority));
        auto sent = send_as(source.stream.get(), lines, source.process);
        if (!sent.ok() && sent.error().sys() == ESRCH) return false;
        if (!sent.ok()) {  // journald was restarted without its streams
            source.stream = TRY(journal_stream(*source.owner, source.priority));
            TRY(send_as(source.stream.get(), lines, source.process));
        }
        TRY(read_exactly(source.pipe.get(), buffer, lines.size()));
    }
}

// On our way out: what is left in a pipe would have PID 1 start us again.
Result<> Reader::pass_on_unfinished() {
    const os::Fd lock = TRY(lock_pool(folder_));
    for (Source& source : sources_) {
        if (!std::exchange(source.unfinished, false)) continue;
        TRY(look_at_owner(source));
        // A dead container's is its reaper's; where none comes, PID 1 starts us again for it.
        if (source.owner)
            TRY(pass_on(source, true));
        else
            TRY(disown(source));
    }
    return {};
}

// Nobody's any more: into our own unit's journal.
Result<> Reader::disown(Source& source) {
    // The reaper may have been here: a read would wait, with the pool's lock in our hands.
    int waiting = 0;
    if (ioctl(source.pipe.get(), FIONREAD, &waiting) != 0 || waiting == 0) return {};
    char buffer[4096];
    const ssize_t got = read(source.pipe.get(), buffer, sizeof buffer);
    if (got <= 0) return {};
    fmt::print(stderr, "<4>gantry-log: output of {} that has ended:\n",
               source.owner ? fmt::format("container '{}'", source.owner->str()) : "a container");
    return os::write_all(STDERR_FILENO, {buffer, static_cast<std::size_t>(got)}, "the journal");
}

}  // namespace gantry::log
