#include "os/netns.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace gantry::os {

Result<NetnsVisit> NetnsVisit::enter(int netns) {
    // thread-self: in a process with threads /proc/self names the leader's namespace.
    Fd home = TRY(open("/proc/thread-self/ns/net", O_RDONLY));
    if (setns(netns, CLONE_NEWNET) != 0) return errno_error("enter the network namespace");
    return NetnsVisit(std::move(home));
}

NetnsVisit::~NetnsVisit() {
    if (home_ && setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

Result<> loopback_up() {
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("open a socket to bring 'lo' up");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return errno_error("read the flags of 'lo'");
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return errno_error("bring 'lo' up");
    return {};
}

Result<std::uint64_t> netns_cookie() {
    constexpr int so_netns_cookie = 71;  // asm-generic/socket.h; not in older headers of the C library
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (!fd || getsockopt(fd.get(), SOL_SOCKET, so_netns_cookie, &cookie, &size) != 0)
        return errno_error("ask for the network namespace's cookie");
    return cookie;
}

Result<std::string> get_sysctl(const std::string& key) {
    std::string text = TRY(read_file("/proc/sys/" + key, 4096));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

Result<> set_sysctl(const std::string& key, const std::string& value) {
    if (TRY(get_sysctl(key)) == value) return {};
    const std::string path = "/proc/sys/" + key;
    Fd file = TRY(open(path, O_WRONLY));
    return write_all(file.get(), value, path);
}

Result<> set_sysctls(const std::string& folder, std::initializer_list<std::pair<const char*, const char*>> values) {
    const std::string path = "/proc/sys/" + folder;
    const Fd dir = TRY(open(path, O_PATH | O_DIRECTORY));
    for (const auto& [key, value] : values) {
        const Fd file = TRY_CONTEXT(open_at(dir.get(), key, O_WRONLY), "kernel setting '{}/{}'", folder, key);
        TRY(write_all(file.get(), value, fmt::format("{}/{}", path, key)));
    }
    return {};
}

}  // namespace gantry::os
