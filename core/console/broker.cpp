#include "console/broker.hpp"

#include "console/protocol.hpp"
#include "container/enter_channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gantry::console {

namespace {

constexpr std::size_t recent_limit = 64U << 10, typed_limit = 64U << 10, waiting_limit = 1U << 20;

void set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void resize(int terminal, const std::string& text) {
    unsigned short rows = 0, columns = 0;
    if (std::sscanf(text.c_str(), "%hu %hu", &rows, &columns) != 2) return;
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ioctl(terminal, TIOCSWINSZ, &size);
}

}  // namespace

Result<os::Fd> listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error(Errc::invalid, "socket path '{}' is too long", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    os::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return errno_error("make a socket");
    unlink(path.c_str());
    const mode_t before = umask(0177);
    const int bound = bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    umask(before);
    if (bound != 0 || listen(socket.get(), 16) != 0) return errno_error("listen on '{}'", path);
    return socket;
}

Result<> Broker::serve(int timeout) {
    const int sink = terminal_ ? terminal_.get() : input_.get();
    const bool write = !typed_.empty() && sink >= 0;
    std::vector<pollfd> fds{{listener_.get(), POLLIN, 0}, {terminal_.get(), POLLIN, 0}, {write ? sink : -1, POLLOUT, 0}};
    for (const Client& client : clients_) {
        // Typing stops where the container does not read: it waits with who types.
        const short wanted =
            static_cast<short>((typed_.size() < typed_limit ? POLLIN : 0) | (client.waiting.empty() ? 0 : POLLOUT));
        fds.push_back({client.socket.get(), wanted, 0});
    }
    if (poll(fds.data(), fds.size(), timeout) < 0) {
        if (errno == EINTR) return {};
        return errno_error("poll");
    }
    std::size_t at = 3;
    for (auto client = clients_.begin(); client != clients_.end(); ++client, ++at) {
        if (fds[at].revents & POLLOUT) flush(*client);
        if (client->socket && (fds[at].revents & (POLLIN | POLLHUP | POLLERR))) hear_client(*client);
    }
    if (fds[1].revents && terminal_) read_terminal();
    if (fds[2].revents) write_input();
    if (fds[0].revents) accept_client();
    clients_.remove_if([](const Client& client) { return !client.socket; });
    return {};
}

void Broker::accept_client() {
    os::Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) clients_.push_back({std::move(socket)});
}

void Broker::hear_client(Client& client) {
    auto message = container::hear(client.socket.get());
    if (!message.ok()) {
        if (message.error().sys() != EAGAIN) client.socket.reset();
        return;
    }
    if (message->text.empty()) return client.socket.reset();
    if (message->text == "console" && message->fd) {
        terminal_ = std::move(message->fd);
        kept_.reset();
        set_nonblocking(terminal_.get());
        recent_.clear();
        typed_.clear();
    } else if (message->text == "keep" && message->fd) {
        kept_ = std::move(message->fd);
    } else if (message->text == "stdin" && message->fd) {
        input_ = std::move(message->fd);
        set_nonblocking(input_.get());
        input_closing_ = false;
    } else {
        obey(client, message->text);
    }
}

void Broker::obey(Client& client, const std::string& packet) {
    if (packet == "attach" || packet == "attach-from-start") {
        client.attached = true;
        if (packet == "attach") return;
        for (std::size_t at = 0; at < recent_.size(); at += packet_bytes) send(client, "o" + recent_.substr(at, packet_bytes));
        return;
    }
    if (!client.attached) return client.socket.reset();
    if (packet[0] == 'i') {
        typed_.append(packet, 1);
        write_input();
    } else if (packet[0] == 'w' && terminal_) {
        resize(terminal_.get(), packet.substr(1));
    } else if (packet[0] == 'c') {
        input_closing_ = true;
        write_input();
    }
}

void Broker::write_input() {
    const int sink = terminal_ ? terminal_.get() : input_.get();
    while (!typed_.empty() && sink >= 0) {
        // A socket whose reader is gone must not end us: the process ignores SIGPIPE (main.cpp).
        const ssize_t put = ::write(sink, typed_.data(), typed_.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EAGAIN) return;
        if (put < 0)
            typed_.clear();
        else
            typed_.erase(0, static_cast<std::size_t>(put));
    }
    if (input_closing_ && typed_.empty() && !terminal_) input_.reset();
}

void Broker::read_terminal() {
    char buffer[packet_bytes];
    const ssize_t got = read(terminal_.get(), buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) return terminal_ended();  // EIO: the last holder of the other side is gone
    show({buffer, static_cast<std::size_t>(got)});
}

void Broker::show(std::string_view data) {
    shown_(data);
    if (recent_.size() < recent_limit) recent_.append(data.substr(0, recent_limit - recent_.size()));
    for (Client& client : clients_)
        if (client.attached && client.socket) send(client, "o" + std::string(data));
}

void Broker::send(Client& client, std::string packet) {
    client.waiting_bytes += packet.size();
    client.waiting.push_back(std::move(packet));
    flush(client);
    // Somebody who is stopped or far away: let go of, not waited for.
    if (client.waiting_bytes > waiting_limit) client.socket.reset();
}

void Broker::flush(Client& client) {
    while (client.socket && !client.waiting.empty()) {
        auto sent = container::tell(client.socket.get(), client.waiting.front());
        if (!sent.ok()) {
            if (sent.error().sys() != EAGAIN) client.socket.reset();
            return;
        }
        client.waiting_bytes -= client.waiting.front().size();
        client.waiting.pop_front();
    }
    if (client.ending) client.socket.reset();
}

void Broker::terminal_ended() {
    terminal_.reset();
    typed_.clear();
    for (Client& client : clients_) {
        if (!client.attached) continue;
        client.ending = true;
        flush(client);
    }
    ended_();
}

}  // namespace gantry::console
