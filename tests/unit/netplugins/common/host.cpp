#include "host.hpp"

#include "os/file.hpp"
#include "os/netns.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

namespace gantry::net {

namespace {

os::Fd this_netns() { return os::open("/proc/thread-self/ns/net", O_RDONLY).value(); }

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress socket_address(const std::string& text, std::uint16_t port) {
    SocketAddress address;
    const Address ip = Address::parse(text).value();
    const std::string bytes = ip.bytes();
    if (ip.family == Family::v4) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        bytes.copy(reinterpret_cast<char*>(&v4->sin_addr), 4);
        address.size = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        bytes.copy(reinterpret_cast<char*>(&v6->sin6_addr), 16);
        address.size = sizeof *v6;
    }
    return address;
}

std::string text_of(const SocketAddress& address) {
    // Servers listen on [::] for both families: v4 clients look like ::ffff:10.88.0.2.
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr, text, sizeof text);
    const std::string_view view = text;
    return std::string(view.starts_with("::ffff:") && view.find('.') != view.npos ? view.substr(7) : view);
}

bool readable(int fd, int milliseconds) {
    pollfd wait{fd, POLLIN, 0};
    return poll(&wait, 1, milliseconds) == 1;
}

// A first IPv6 packet can wait a second for its neighbour: the kernel joins the address's multicast group in its own time.
constexpr int patience = 2500;

void set_timeout(int fd, int milliseconds) {
    const timeval limit{milliseconds / 1000, milliseconds % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

}  // namespace

os::Fd new_netns() {
    const os::Fd home = this_netns();
    EXPECT_EQ(unshare(CLONE_NEWNET), 0);
    os::Fd made = this_netns();
    EXPECT_TRUE(os::loopback_up().ok());
    EXPECT_EQ(setns(home.get(), CLONE_NEWNET), 0);
    return made;
}

os::Fd listen_in(int netns, driver::Protocol protocol, std::uint16_t port) {
    auto visit = os::NetnsVisit::enter(netns);
    EXPECT_TRUE(visit.ok());
    const bool datagram = protocol == driver::Protocol::udp;
    os::Fd fd(socket(AF_INET6, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, static_cast<int>(protocol)));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const SocketAddress any = socket_address("::", port);
    EXPECT_EQ(bind(fd.get(), any.get(), any.size), 0) << strerror(errno);
    if (!datagram) {
        EXPECT_EQ(listen(fd.get(), 8), 0);
    }
    return fd;
}

Seen connect_from(int netns, const std::string& address, std::uint16_t port, int server, driver::Protocol protocol,
                  int milliseconds) {
    Seen seen;
    const SocketAddress to = socket_address(address, port);
    os::Fd fd;
    {
        auto visit = os::NetnsVisit::enter(netns);
        fd = os::Fd(socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, static_cast<int>(protocol)));
        set_timeout(fd.get(), milliseconds);
        if (connect(fd.get(), to.get(), to.size) != 0) seen.problem = errno;
    }
    if (seen.problem != 0 || !readable(server, milliseconds)) return seen;
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    const os::Fd accepted(accept4(server, peer.get(), &peer.size, SOCK_CLOEXEC));
    set_timeout(accepted.get(), milliseconds);
    seen.peer = text_of(peer);
    char byte = 0;
    seen.connected = send(accepted.get(), "x", 1, 0) == 1 && recv(fd.get(), &byte, 1, 0) == 1 && byte == 'x';
    return seen;
}

os::Fd udp_client(int netns, const std::string& address, std::uint16_t port) {
    auto visit = os::NetnsVisit::enter(netns);
    const SocketAddress to = socket_address(address, port);
    os::Fd fd(socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    set_timeout(fd.get(), patience);
    EXPECT_EQ(connect(fd.get(), to.get(), to.size), 0) << strerror(errno);
    return fd;
}

std::string datagram_from(int netns, const std::string& address, std::uint16_t port, int server, int client) {
    os::Fd own;
    if (client < 0) own = udp_client(netns, address, port);
    const int fd = client < 0 ? own.get() : client;
    char byte = 0;
    (void)recv(fd, &byte, 1, MSG_DONTWAIT);  // an old ICMP error
    // As any client of UDP does: the kernel makes a new IPv6 address reachable in its own time, what came before is lost.
    bool arrived = false;
    for (int attempt = 0; attempt < 5 && !arrived; ++attempt)
        arrived = send(fd, "x", 1, 0) == 1 && readable(server, patience / 5);
    if (!arrived) return "";
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    if (recvfrom(server, &byte, 1, 0, peer.get(), &peer.size) != 1) return "";
    EXPECT_EQ(sendto(server, "y", 1, 0, peer.get(), peer.size), 1);
    return recv(fd, &byte, 1, 0) == 1 && byte == 'y' ? text_of(peer) : "no answer";
}

bool closed_to(int netns, const std::string& address, std::uint16_t port, int server) {
    return !connect_from(netns, address, port, server, driver::Protocol::tcp, 300).connected;
}

void LiveHost::SetUp() {
    if (geteuid() != 0) GTEST_FAIL() << "needs root";
    home_ = this_netns();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0) << strerror(errno);
    host_ = this_netns();
    ASSERT_TRUE(os::loopback_up().ok());
    char pattern[] = "/tmp/gantry-network-XXXXXX";
    folder_ = mkdtemp(pattern);
    driver_ = make_tested_driver(folder_);
}

void LiveHost::TearDown() {
    if (!home_) return;
    driver_.reset();
    EXPECT_EQ(setns(home_.get(), CLONE_NEWNET), 0);
    umount2((folder_ / "bpf").c_str(), MNT_DETACH);  // of drivers that have one
    std::filesystem::remove_all(folder_);
}

driver::NetworkConfig LiveHost::network(const std::string& name) {
    driver::NetworkConfig config;
    config.name = name;
    config.driver = tested_driver;
    auto made = driver_->network_create(config, networks_);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    networks_.push_back(*made);
    return *made;
}

driver::AttachRequest LiveHost::request(const std::string& container, const driver::NetworkConfig& config) {
    driver::AttachRequest request;
    request.container = container;
    request.container_id = std::string(64, 'a');
    request.network = config;
    request.interface = "eth0";
    return request;
}

driver::AttachStatus LiveHost::must_prepare(const driver::AttachRequest& request, int netns) {
    auto valid = driver_->validate(request);
    EXPECT_TRUE(valid.ok()) << (valid.ok() ? "" : valid.error().message());
    auto status = driver_->prepare(request, netns);
    EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message());
    return status.ok() ? *status : driver::AttachStatus{};
}

std::string LiveHost::run(const std::string& command, int netns) {
    auto visit = os::NetnsVisit::enter(netns < 0 ? host() : netns);
    std::string output;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    char buffer[4096];
    while (const std::size_t got = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
    pclose(pipe);
    return output;
}

os::Fd LiveHost::outside() {
    os::Fd netns = new_netns();
    const std::string fd = std::to_string(netns.get());
    // fork(2) keeps the namespace's descriptor for ip(8) only by its /proc name of this process.
    const std::string path = fmt::format("/proc/{}/fd/{}", getpid(), fd);
    run("ip link add uplink type veth peer name cable && ip link set cable netns " + path);
    run("ip addr add 192.0.2.1/24 dev uplink; ip addr add 2001:db8::1/64 dev uplink nodad; ip link set uplink up");
    run("ip addr add 192.0.2.2/24 dev cable; ip addr add 2001:db8::2/64 dev cable nodad; ip link set cable up", netns.get());
    return netns;
}

driver::PublishedPort published(std::uint16_t host_port, std::uint16_t container_port, driver::Protocol protocol,
                                const std::string& address) {
    return {protocol, address, host_port, container_port};
}

std::string bare(const std::string& address) { return address.substr(0, address.find('/')); }

}  // namespace gantry::net
