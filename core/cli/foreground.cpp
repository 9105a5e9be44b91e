#include "cli/foreground.hpp"

#include "cli/context.hpp"
#include "cli/signal_relay.hpp"
#include "os/pipe.hpp"

#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <thread>
#include <unistd.h>

namespace gantry::cli {

namespace {

Result<os::Fd> listen_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error(Errc::invalid, "socket path '{}' is too long", path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    os::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("make a socket");
    unlink(path.c_str());  // of a run that was killed
    const mode_t mask = umask(0177);
    const int bound = bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    umask(mask);
    if (bound != 0 || listen(socket.get(), 1) != 0) return errno_error("listen on '{}'", path);
    return socket;
}

// Whole lines to the journal, with the fields that the container's own lines have (LogExtraFields= of its unit).
class JournalCopy {
public:
    JournalCopy(const container::Container& container, int priority) {
        if (!container.definition.log_to_journal) return;
        enabled_ = true;
        fields_ = {fmt::format("PRIORITY={}", priority),        "OBJECT_SYSTEMD_UNIT=" + unit_name(container.name),
                   "SYSLOG_IDENTIFIER=" + container.name.str(), "CONTAINER_NAME=" + container.name.str(),
                   "CONTAINER_ID=" + short_id(container.id),    "CONTAINER_ID_FULL=" + container.id,
                   "IMAGE_NAME=" + container.definition.image};
    }
    void add(std::string_view data) {
        if (!enabled_) return;
        for (;;) {
            const auto end = data.find('\n');
            // A line without an end is sent in pieces, as journald does (LineMax=48K, journald.conf(5)).
            line_.append(data.substr(0, end));
            if (end == std::string_view::npos && line_.size() < (48U << 10)) return;
            send();
            if (end == std::string_view::npos) return;
            data.remove_prefix(end + 1);
        }
    }
    void end() {
        if (enabled_ && !line_.empty()) send();
    }

private:
    void send() {
        const std::string message = "MESSAGE=" + line_;
        std::vector<iovec> parts{{const_cast<char*>(message.data()), message.size()}};
        for (auto& field : fields_) parts.push_back({field.data(), field.size()});
        sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));  // a full journal must not stop the container
        line_.clear();
    }

    bool enabled_ = false;
    std::vector<std::string> fields_;
    std::string line_;
};

struct Stream {
    os::Fd from;
    int to;
    JournalCopy journal;
    bool to_broken = false;

    // False at the end of the stream.
    bool copy() {
        char buffer[65536];
        const ssize_t got = read(from.get(), buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (got <= 0) {
            journal.end();
            from.reset();
            return false;
        }
        const std::string_view data(buffer, static_cast<std::size_t>(got));
        // Whoever read our output may be gone; the container goes on and its lines still reach the journal.
        if (!to_broken && !os::write_all(to, data, "output").ok()) to_broken = true;
        journal.add(data);
        return true;
    }
};

}  // namespace

struct Foreground::Impl {
    std::string path, unit;
    os::Fd listener, stop;
    os::Pipe input;
    std::array<os::Fd, 3> theirs;  // stdin, stdout, stderr of the container, until they are handed over
    std::vector<Stream> streams;
    bool interactive = false;
    std::optional<SignalRelay> signals;
    std::thread relay;

    void hand_over() {
        os::Fd peer(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer) return;
        if (auto sent = os::send_message(peer.get(), "stdio", {theirs[0].get(), theirs[1].get(), theirs[2].get()}); !sent.ok())
            complain(sent.error().context("pass the standard streams on"));
        for (auto& fd : theirs) fd.reset();
        listener.reset();
        unlink(path.c_str());
        if (interactive) feed_input();
    }

    // Reading our standard input may block for ever: a thread of its own that nobody waits for.
    void feed_input() {
        std::thread([to = std::move(input.write)] {
            char buffer[65536];
            for (;;) {
                const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
                if (got < 0 && errno == EINTR) continue;
                if (got <= 0) return;
                if (!os::write_all(to.get(), {buffer, static_cast<std::size_t>(got)}, "input").ok()) return;
            }
        }).detach();
    }

    void run() {
        bool stopping = false;
        for (;;) {
            std::vector<pollfd> fds{{stopping ? -1 : stop.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}};
            for (const auto& stream : streams) fds.push_back({stream.from.get(), POLLIN, 0});
            // After the unit's end what is in the pipes still comes; a descriptor that somebody kept does not hold us up.
            const int ready = poll(fds.data(), fds.size(), stopping ? 200 : -1);
            if (ready < 0 && errno != EINTR) return;
            if (ready == 0) return;
            if (fds[0].revents && !stopping) {
                stopping = true;
                for (auto& fd : theirs) fd.reset();
            }
            if (fds[1].revents && listener) hand_over();
            bool open = false;
            for (std::size_t at = 0; at < streams.size(); ++at) {
                if (fds[2 + at].revents) streams[at].copy();
                open |= static_cast<bool>(streams[at].from);
            }
            if (!open && stopping) return;
        }
    }
};

Foreground::Foreground(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Foreground::Foreground(Foreground&&) noexcept = default;
Foreground::~Foreground() {
    if (impl_) finish();
}

Result<Foreground> Foreground::open(const config::Paths& paths, const container::Container& container,
                                    const AttachOptions& options) {
    auto impl = std::make_unique<Impl>();
    impl->unit = unit_name(container.name);
    TRY(os::make_dirs(paths.run + "/attach", 0700));
    impl->path = paths.run + "/attach/" + container.name.str() + ".sock";
    impl->listener = TRY(listen_on(impl->path));
    impl->interactive = options.standard_input;
    if (options.standard_input) {
        impl->input = TRY(os::make_output_pipe());
        impl->theirs[0] = std::move(impl->input.read);
    } else {
        impl->theirs[0] = TRY(os::open("/dev/null", O_RDONLY));
    }
    os::Pipe output = TRY(os::make_output_pipe()), errors = TRY(os::make_output_pipe());
    impl->theirs[1] = std::move(output.write);
    impl->theirs[2] = std::move(errors.write);
    impl->streams.push_back({std::move(output.read), STDOUT_FILENO, {container, LOG_INFO}});
    impl->streams.push_back({std::move(errors.read), STDERR_FILENO, {container, LOG_ERR}});
    impl->stop = os::Fd(eventfd(0, EFD_CLOEXEC));
    if (!impl->stop) return errno_error("make an event descriptor");
    impl->signals.emplace(TRY(SignalRelay::start(impl->unit, options.proxy_signals)));
    impl->relay = std::thread([state = impl.get()] { state->run(); });
    return Foreground(std::move(impl));
}

void Foreground::finish() {
    if (impl_->relay.joinable()) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t told = write(impl_->stop.get(), &one, sizeof one);
        impl_->relay.join();
        if (impl_->listener) unlink(impl_->path.c_str());
        impl_->signals.reset();
    }
}

}  // namespace gantry::cli
