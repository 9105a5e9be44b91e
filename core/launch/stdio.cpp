#include "launch/stdio.hpp"

#include "launch/notify.hpp"
#include "os/file.hpp"
#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

namespace gantry::launch {

namespace {

Result<std::optional<std::array<os::Fd, 3>>> from_foreground(const Plan& plan) {
    const std::string path = plan.paths.run + "/attach/" + plan.name.str() + ".sock";
    auto socket = os::connect_to(path, SOCK_SEQPACKET);
    if (!socket.ok()) {
        if (socket.error().sys() == ECONNREFUSED) unlink(path.c_str());
        else if (socket.error().sys() != ENOENT) return std::move(socket).error();
        return std::optional<std::array<os::Fd, 3>>();
    }
    auto message = TRY_CONTEXT(os::receive_message(socket->get()), "foreground '{}'", path);
    if (message.text != "stdio" || message.fds.size() != 3) return error(Errc::invalid, "foreground '{}': not three standard streams", path);
    return std::optional(std::array<os::Fd, 3>{std::move(message.fds[0]), std::move(message.fds[1]), std::move(message.fds[2])});
}

}  // namespace

Result<std::array<os::Fd, 3>> open_stdio(const Plan& plan) {
    if (auto foreground = TRY(from_foreground(plan))) return std::move(*foreground);
    std::array<os::Fd, 3> streams;
    streams[0] = TRY(os::open("/dev/null", O_RDONLY));
    if (!plan.definition.log_to_journal) {
        streams[1] = TRY(os::open("/dev/null", O_WRONLY));
        streams[2] = TRY(os::open("/dev/null", O_WRONLY));
        return streams;
    }
    // Standard output is what systemd opened for the unit. Standard error gets a stream of its own where there is a journal.
    if (auto stream = open_journal_stream(plan.name.str(), LOG_ERR); stream.ok()) streams[2] = std::move(stream).value();
    return streams;
}

Result<> hand_over_console(const Plan& plan, const os::Fd& master) {
    const std::string path = plan.paths.run + "/console/" + plan.name.str() + ".sock";
    const os::Fd socket = TRY_CONTEXT(os::connect_to(path, SOCK_SEQPACKET), "the console of '{}' (ctr-console@{}.service)", plan.name.str(), plan.name.str());
    return os::send_message(socket.get(), "console", {master.get()});
}

}  // namespace gantry::launch
