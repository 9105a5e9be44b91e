#include "launch/notify.hpp"

#include "os/file.hpp"
#include "os/unix_socket.hpp"

#include <sys/socket.h>

#include <cstdlib>

namespace gantry::launch {

Result<Notifier> Notifier::connect() {
    Notifier notifier;
    if (const char* path = std::getenv("NOTIFY_SOCKET"))
        notifier.socket_ = TRY_CONTEXT(os::connect_to(path, SOCK_DGRAM), "reach systemd");
    return notifier;
}

Result<> Notifier::send(const std::string& state) const {
    if (!socket_) return {};
    return os::send_message(socket_.get(), state).context("tell systemd");
}

Result<os::Fd> open_journal_stream(const std::string& identifier, int priority) {
    os::Fd stream = TRY_CONTEXT(os::connect_to("/run/systemd/journal/stdout", SOCK_STREAM), "open a journal stream");
    // identifier, unit (known from the cgroup), priority, level prefix, forward to syslog, kmsg, console
    TRY(os::write_all(stream.get(), fmt::format("{}\n\n{}\n1\n0\n0\n0\n", identifier, priority), "journal stream"));
    shutdown(stream.get(), SHUT_RD);
    return stream;
}

}  // namespace gantry::launch
