#include "launch/notify.hpp"

#include "launch/kernel.hpp"
#include "os/pipe.hpp"

#include "os/unix_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>

namespace gantry::launch {

Result<Notifier> Notifier::connect() {
    Notifier out;
    const char* path = getenv("NOTIFY_SOCKET");
    if (!path || !*path) return out;
    const std::string_view name = path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if ((name[0] != '/' && name[0] != '@') || name.size() >= sizeof address.sun_path)
        return error(Errc::unsupported, "notification socket '{}' is not a unix socket's address", name);
    memcpy(address.sun_path, name.data(), name.size());
    const std::size_t length = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '/' ? 1 : 0);
    if (name[0] == '@') address.sun_path[0] = 0;
    out.socket_ = os::Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!out.socket_) return errno_error("make a socket");
    if (::connect(out.socket_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) != 0)
        return errno_error("connect to '{}'", name);
    return out;
}

Result<> Notifier::send(std::string_view state) const {
    if (!socket_) return {};
    while (::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return errno_error("notify the service manager");
    return {};
}

Result<> Notifier::wait_handled(int timeout_ms) const {
    if (!socket_) return {};
    os::Pipe pipe = TRY(os::make_pipe());
    TRY_CONTEXT(os::send_message(socket_.get(), "BARRIER=1", {pipe.write.get()}), "notify the service manager");
    pipe.write.reset();
    pollfd waited{pipe.read.get(), 0, 0};  // POLLHUP comes by itself: the manager has closed its copy
    for (;;) {
        const int got = poll(&waited, 1, timeout_ms);
        if (got > 0) return {};
        if (got == 0) return error(Errc::timeout, "the service manager does not answer");
        if (errno != EINTR) return errno_error("wait for the service manager");
    }
}

}  // namespace gantry::launch
