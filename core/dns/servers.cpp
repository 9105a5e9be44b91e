#include "dns/servers.hpp"

#include "dns/entries.hpp"
#include "os/file.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

namespace gantry::dns {

namespace {

std::string servers_folder(const config::Paths& paths) { return paths.run + "/dns/servers"; }
std::string link_of(const config::Paths& paths, std::uint16_t port) {
    return fmt::format("{}/{}", servers_folder(paths), port);
}

std::string text_of(const std::vector<std::string>& servers) {
    std::string text;
    for (const std::string& server : servers) text.append(text.empty() ? "" : ",").append(server);
    return text;
}

std::string text_at(const config::Paths& paths, std::uint16_t port) {
    std::string text(4096, '\0');
    const ssize_t size = readlink(link_of(paths, port).c_str(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

// The ports that some network has a resolver at, or is about to.
Result<std::set<std::uint16_t>> used_ports(const config::Paths& paths) {
    std::set<std::uint16_t> used;
    for (const std::string& name : TRY(os::list_dir(hosts_folder(paths)))) used.insert(split_resolver_name(name).second);
    return used;
}

// A server of the host's own has the port, on any of its addresses.
bool is_taken(std::uint16_t port) {
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
        const os::Fd six(::socket(AF_INET6, type | SOCK_CLOEXEC, 0)), four(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_port = htons(port);
        if (four && bind(four.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) return true;
        sockaddr_in6 any_six{};
        any_six.sin6_family = AF_INET6;
        any_six.sin6_port = htons(port);
        const int only = 1;
        if (six) setsockopt(six.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
        // A kernel without IPv6 has no socket, one that has it switched off no address.
        if (six && bind(six.get(), reinterpret_cast<const sockaddr*>(&any_six), sizeof any_six) != 0 && errno == EADDRINUSE)
            return true;
    }
    return false;
}

Result<os::Fd> lock(const config::Paths& paths) {
    TRY(os::make_dirs(servers_folder(paths), 0755));
    return os::lock_file(servers_folder(paths) + "/.lock");
}

Result<std::uint16_t> choose_port(const config::Paths& paths, const std::string& text) {
    for (std::uint16_t port = first_server_port; port <= last_server_port; ++port)
        if (text_at(paths, port) == text) return port;
    const auto used = TRY(used_ports(paths));
    for (std::uint16_t port = first_server_port; port <= last_server_port; ++port) {
        if (used.contains(port) || is_taken(port)) continue;
        const std::string link = link_of(paths, port);
        if (unlink(link.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", link);
        if (symlink(text.c_str(), link.c_str()) != 0) return errno_error("make '{}'", link);
        return port;
    }
    return error(Errc::no_space, "all ports from {} to {} are taken by resolvers for other servers", first_server_port,
                 last_server_port);
}

}  // namespace

bool can_ask(const std::vector<std::string>& servers) {
    return std::ranges::all_of(servers, [](const std::string& server) {
        in_addr four{};
        in6_addr six{};
        if (inet_pton(AF_INET, server.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24U != IN_LOOPBACKNET;
        // What is no address has a scope ("fe80::1%eth0").
        return inet_pton(AF_INET6, server.c_str(), &six) == 1 && !IN6_IS_ADDR_LOOPBACK(&six) && !IN6_IS_ADDR_LINKLOCAL(&six) &&
               !IN6_IS_ADDR_V4MAPPED(&six);
    });
}

Result<std::uint16_t> reserve_port(const config::Paths& paths, const std::string& network,
                                   const std::vector<std::string>& servers) {
    const os::Fd locked = TRY(lock(paths));
    const std::uint16_t port = TRY(choose_port(paths, text_of(servers)));
    // While it is there the port is not given away.
    TRY(os::make_dirs(fmt::format("{}/{}", hosts_folder(paths), resolver_name(network, port)), 0755));
    return port;
}

bool is_reserved(const config::Paths& paths, std::uint16_t port, const std::vector<std::string>& servers) {
    return text_at(paths, port) == text_of(servers);
}

Result<> forget_servers(const config::Paths& paths) {
    if (!os::path_exists(servers_folder(paths))) return {};
    const os::Fd locked = TRY(lock(paths));
    const auto used = TRY(used_ports(paths));
    for (std::uint16_t port = first_server_port; port <= last_server_port; ++port)
        if (!used.contains(port) && unlink(link_of(paths, port).c_str()) != 0 && errno != ENOENT)
            return errno_error("remove '{}'", link_of(paths, port));
    return {};
}

std::string resolver_name(const std::string& network, std::uint16_t port) {
    return port == 0 ? network : fmt::format("{}@{}", network, port);
}

std::pair<std::string, std::uint16_t> split_resolver_name(std::string_view name) {
    const auto at = name.find('@');
    std::uint16_t port = 0;
    if (at != std::string_view::npos) std::from_chars(name.data() + at + 1, name.data() + name.size(), port);
    return {std::string(name.substr(0, at)), port};
}

}  // namespace gantry::dns
