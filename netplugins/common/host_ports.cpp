#include "host_ports.hpp"

#include "os/netns.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <sstream>

namespace gantry::net {

namespace {

int bind_once(const PortRule& rule) {
    const Family family = rule.target.family;
    const int type = rule.protocol == driver::Protocol::udp ? SOCK_DGRAM : SOCK_STREAM;
    const os::Fd fd(socket(address_family(family), type | SOCK_CLOEXEC, static_cast<int>(rule.protocol)));
    // No SCTP in this kernel: then nobody is bound to an SCTP port.
    if (!fd) return errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? 0 : errno;
    const int on = 1;
    // Connections in TIME_WAIT do not count; two UDP sockets with it could share the port, so UDP goes without.
    if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const std::string bytes =
        rule.host ? rule.host->bytes() : std::string(static_cast<std::size_t>(address_bits(family)) / 8, '\0');
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(rule.host_port);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(rule.host_port);
    if (family == Family::v4) {
        std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
        return bind(fd.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4) == 0 ? 0 : errno;
    }
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
    return bind(fd.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof v6) == 0 ? 0 : errno;
}

}  // namespace

Result<> check_bind(const std::vector<PortRule>& rules) {
    for (const auto& rule : rules) {
        const int problem = bind_once(rule);
        if (problem == 0) continue;
        const std::string port = fmt::format("port {}/{}", rule.host_port, protocol_name(rule.protocol));
        if (problem == EADDRINUSE) return error(Errc::in_use, "{} is in use on the host", port);
        if (problem == EADDRNOTAVAIL)
            return error(Errc::invalid, "{}: address '{}' is not this host's", port, rule.host->str());
        return Error::from_errno(problem, fmt::format("{}: bind", port));
    }
    return {};
}

PortSpan ephemeral_ports() {
    PortSpan span;
    const auto text = os::get_sysctl("net/ipv4/ip_local_port_range");
    if (!text.ok()) return span;
    std::istringstream words(*text);
    unsigned first = 0, last = 0;
    if (words >> first >> last && first > 0 && first <= last && last <= 65535)
        span = {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
    return span;
}

}  // namespace gantry::net
