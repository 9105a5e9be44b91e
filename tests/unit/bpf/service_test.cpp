// Service addresses in this kernel: real sockets in a cgroup and a network namespace of the test's own. (BPF_PROG_RUN has
// nothing for programs of this kind.) Needs root.
#include "load/object.hpp"
#include "os/file.hpp"
#include "os/netns.hpp"
#include "service/loader.hpp"
#include "service/pins.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

using namespace gantry;

namespace {

service_address address(const char* text) {
    char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) return service::address_of({bytes, 4});
    EXPECT_EQ(inet_pton(AF_INET6, text, bytes), 1) << text;
    return service::address_of({bytes, 16});
}

std::string text_of(const service_address& address) {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(AF_INET6, address.bytes, text, sizeof text);
}

// How often each backend is taken, of 1.
std::map<std::string, double> shares(const std::vector<service::Backend>& backends) {
    std::map<std::string, double> out;
    const auto slots = service::slots_of(backends);
    for (const service_slot& slot : slots) {
        const double first = static_cast<double>(slot.share) / 4294967296.0;
        out[text_of(slot.first)] += first / static_cast<double>(slots.size());
        out[text_of(slot.second)] += (1 - first) / static_cast<double>(slots.size());
    }
    return out;
}

TEST(ServiceShares, AreWhatTheWeightsSay) {
    for (const std::vector<std::uint32_t>& weights : std::initializer_list<std::vector<std::uint32_t>>{
             {1}, {1, 1}, {3, 1}, {1, 1000}, {5, 0, 3, 2}, {7, 7, 7}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {1000, 999, 1, 1, 1}}) {
        std::vector<service::Backend> backends;
        double sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            backends.push_back({address(fmt::format("fd00::{:x}", i + 1).c_str()), weights[i]});
            sum += weights[i];
        }
        const auto got = shares(backends);
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const auto found = got.find(text_of(backends[i].address));
            EXPECT_NEAR(found == got.end() ? 0 : found->second, weights[i] / sum, 1e-6) << i << " of " << weights.size();
        }
    }
}

TEST(ServiceShares, WithoutWeightThereIsNothing) {
    EXPECT_TRUE(service::slots_of({}).empty());
    EXPECT_TRUE(service::slots_of({{address("10.0.0.1"), 0}}).empty());
}

// A listening or datagram socket on the loopback, and what comes there.
struct Server {
    Server(int family, int type, const char* where, std::uint16_t port) : socket(::socket(family, type | SOCK_NONBLOCK, 0)) {
        sockaddr_storage place = at(family, where, port);
        EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&place), size_of(family)), 0) << where << strerror(errno);
        if (type == SOCK_STREAM) EXPECT_EQ(listen(socket.get(), 4096), 0);
    }
    static sockaddr_storage at(int family, const char* where, std::uint16_t port) {
        sockaddr_storage place{};
        place.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET) {
            auto& four = reinterpret_cast<sockaddr_in&>(place);
            inet_pton(AF_INET, where, &four.sin_addr);
            four.sin_port = htons(port);
        } else {
            auto& six = reinterpret_cast<sockaddr_in6&>(place);
            inet_pton(AF_INET6, where, &six.sin6_addr);
            six.sin6_port = htons(port);
        }
        return place;
    }
    static socklen_t size_of(int family) { return family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
    os::Fd socket;
};

std::string name_of(const sockaddr_storage& place) {
    char text[INET6_ADDRSTRLEN] = "";
    if (place.ss_family == AF_INET)
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(place).sin_addr, text, sizeof text);
    else
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(place).sin6_addr, text, sizeof text);
    return text;
}

class ServicePrograms : public testing::Test {
protected:
    static void SetUpTestSuite() {
        char name[] = "/tmp/gantry-service-XXXXXX";
        folder = mkdtemp(name);
        if (geteuid() != 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
            mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount("tmpfs", folder.c_str(), "tmpfs", 0, nullptr) != 0)
            return skip("needs root");
        const std::string groups = folder + "/cgroup", bpffs = folder + "/bpf";
        mkdir(groups.c_str(), 0755);
        mkdir(bpffs.c_str(), 0755);
        if (mount("cgroup", groups.c_str(), "cgroup2", 0, nullptr) != 0 || mount("bpf", bpffs.c_str(), "bpf", 0, nullptr) != 0)
            return skip("needs cgroup2 and a bpffs");
        group = fmt::format("{}/gantry-test-{}", groups, getpid());
        if (mkdir(group.c_str(), 0755) != 0) return skip("needs a cgroup of its own");
        home = os::read_file("/proc/self/cgroup", 65536).value_or("");
        move_to(group);
        ASSERT_TRUE(os::loopback_up().ok());
    }
    static void TearDownTestSuite() {
        if (!group.empty()) {
            // Back to where it was, or the cgroup stays.
            const auto line = home.find("0::/");
            const std::string path = line == std::string::npos ? "/" : home.substr(line + 3, home.find('\n', line) - line - 3);
            move_to(folder + "/cgroup" + path);
            rmdir(group.c_str());
        }
        umount2((folder + "/bpf").c_str(), MNT_DETACH);
        umount2((folder + "/cgroup").c_str(), MNT_DETACH);
        umount2(folder.c_str(), MNT_DETACH);
        std::filesystem::remove(folder);
    }
    static void move_to(const std::string& cgroup) {
        const auto procs = os::open(cgroup + "/cgroup.procs", O_WRONLY);
        ASSERT_TRUE(procs.ok()) << procs.error().message();
        ASSERT_TRUE(os::write_all(procs->get(), std::to_string(getpid()), cgroup).ok());
    }
    static void skip(const char* reason) { why = reason; }

    void SetUp() override {
        if (!why.empty()) GTEST_SKIP() << why;
        const auto fill = [](service::Pins& made, const std::string& into) -> Result<> {
            const os::Fd cgroup = TRY(os::open(group, O_RDONLY | O_DIRECTORY));
            return made.attach(cgroup.get(), into);
        };
        auto opened = service::Pins::open_or_make(folder + "/bpf/gantry", folder + "/lock", {service::load, fill});
        ASSERT_TRUE(opened.ok()) << opened.error().message();
        pins = std::make_unique<service::Pins>(std::move(opened).value());
    }
    void TearDown() override {
        if (pins)
            for (const char* one : {four, six}) EXPECT_TRUE(pins->erase(address(one)).ok());
    }
    void serve(const char* service, const std::vector<service::Backend>& backends) {
        const auto put = pins->put(address(service), network, backends);
        ASSERT_TRUE(put.ok()) << put.error().message();
    }
    // A connection; errno where there is none.
    static os::Fd connect_to(const char* where, std::uint16_t port, int type = SOCK_STREAM) {
        const int family = std::string_view(where).find(':') == std::string_view::npos ? AF_INET : AF_INET6;
        os::Fd client(socket(family, type, 0));
        const sockaddr_storage place = Server::at(family, where, port);
        if (connect(client.get(), reinterpret_cast<const sockaddr*>(&place), Server::size_of(family)) != 0) client.reset();
        return client;
    }
    static std::string peer(const os::Fd& socket) {
        sockaddr_storage place{};
        socklen_t size = sizeof place;
        getpeername(socket.get(), reinterpret_cast<sockaddr*>(&place), &size);
        return name_of(place);
    }
    // Where the other end of an accepted connection says that it is connected to.
    static std::string taken_by(const Server& server) {
        const os::Fd accepted(accept4(server.socket.get(), nullptr, nullptr, SOCK_NONBLOCK));
        if (!accepted) return "";
        sockaddr_storage place{};
        socklen_t size = sizeof place;
        getsockname(accepted.get(), reinterpret_cast<sockaddr*>(&place), &size);
        return name_of(place);
    }

    static constexpr const char *four = "192.0.2.10", *six = "2001:db8::10";  // nobody's (RFC 5737, RFC 3849)
    static constexpr std::uint64_t network = 7;
    static inline std::string folder, group, home, why;
    std::unique_ptr<service::Pins> pins;
};

TEST_F(ServicePrograms, AConnectionGoesToABackendAndSaysTheService) {
    const Server a(AF_INET, SOCK_STREAM, "127.0.0.2", 8000), b(AF_INET6, SOCK_STREAM, "::1", 8000);
    serve(four, {{address("127.0.0.2"), 1}});
    serve(six, {{address("::1"), 1}});
    const os::Fd client4 = connect_to(four, 8000), client6 = connect_to(six, 8000);
    ASSERT_TRUE(client4) << strerror(errno);
    ASSERT_TRUE(client6) << strerror(errno);
    EXPECT_EQ(peer(client4), four);
    EXPECT_EQ(peer(client6), six);
    EXPECT_EQ(taken_by(a), "127.0.0.2");
    EXPECT_EQ(taken_by(b), "::1");
    // A socket of both families speaks IPv4 to an address that is mapped.
    const os::Fd mapped = connect_to("::ffff:192.0.2.10", 8000);
    ASSERT_TRUE(mapped) << strerror(errno);
    EXPECT_EQ(peer(mapped), "::ffff:192.0.2.10");
    EXPECT_EQ(taken_by(a), "127.0.0.2");
}

TEST_F(ServicePrograms, ConnectionsAreSpreadByWeight) {
    const Server a(AF_INET, SOCK_STREAM, "127.0.0.2", 8001), b(AF_INET, SOCK_STREAM, "127.0.0.3", 8001),
        c(AF_INET, SOCK_STREAM, "127.0.0.4", 8001);
    serve(four, {{address("127.0.0.2"), 3}, {address("127.0.0.3"), 1}, {address("127.0.0.4"), 0}});
    std::map<std::string, int> count;
    for (int i = 0; i < 2000; ++i) {
        const os::Fd client = connect_to(four, 8001);
        ASSERT_TRUE(client) << strerror(errno);
        for (const Server* server : {&a, &b, &c})
            if (const std::string who = taken_by(*server); !who.empty()) ++count[who];
    }
    EXPECT_EQ(count["127.0.0.2"] + count["127.0.0.3"], 2000);
    // 1500 expected, standard deviation 19.
    EXPECT_NEAR(count["127.0.0.2"], 1500, 120);
}

TEST_F(ServicePrograms, WithoutABackendOneIsRefusedAndNotMadeToWait) {
    serve(four, {});
    EXPECT_FALSE(connect_to(four, 8002));
    EXPECT_EQ(errno, ECONNREFUSED);
    const os::Fd client(socket(AF_INET, SOCK_DGRAM, 0));
    const sockaddr_storage place = Server::at(AF_INET, four, 8002);
    EXPECT_EQ(sendto(client.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&place), sizeof(sockaddr_in)), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(ServicePrograms, AConnectionStaysWithABackendThatLeaves) {
    const Server a(AF_INET, SOCK_STREAM, "127.0.0.2", 8003), b(AF_INET, SOCK_STREAM, "127.0.0.3", 8003);
    serve(four, {{address("127.0.0.2"), 1}});
    const os::Fd client = connect_to(four, 8003);
    ASSERT_TRUE(client);
    const os::Fd accepted(accept(a.socket.get(), nullptr, nullptr));
    serve(four, {{address("127.0.0.3"), 1}});
    char byte = 'x';
    EXPECT_EQ(write(client.get(), &byte, 1), 1);
    EXPECT_EQ(read(accepted.get(), &byte, 1), 1);
    EXPECT_EQ(peer(client), four);
    ASSERT_TRUE(connect_to(four, 8003));
    EXPECT_EQ(taken_by(b), "127.0.0.3");
    EXPECT_EQ(taken_by(a), "");
}

TEST_F(ServicePrograms, DatagramsOfASocketStayTogetherAndAnswersComeFromTheService) {
    std::vector<std::unique_ptr<Server>> servers;
    std::vector<service::Backend> backends;
    for (int i = 2; i < 10; ++i) {
        const std::string where = fmt::format("127.0.0.{}", i);
        servers.push_back(std::make_unique<Server>(AF_INET, SOCK_DGRAM, where.c_str(), 8004));
        backends.push_back({address(where.c_str()), 1});
    }
    serve(four, backends);
    const sockaddr_storage place = Server::at(AF_INET, four, 8004);
    std::set<std::size_t> chosen;
    for (int client_number = 0; client_number < 40; ++client_number) {
        const os::Fd client(socket(AF_INET, SOCK_DGRAM, 0));
        std::set<std::size_t> of_this;
        for (int i = 0; i < 5; ++i) {
            ASSERT_EQ(sendto(client.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&place), sizeof(sockaddr_in)), 1);
            for (std::size_t s = 0; s < servers.size(); ++s) {
                char byte = 0;
                sockaddr_storage from{};
                socklen_t size = sizeof from;
                if (recvfrom(servers[s]->socket.get(), &byte, 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size) != 1)
                    continue;
                of_this.insert(s);
                sendto(servers[s]->socket.get(), "y", 1, 0, reinterpret_cast<const sockaddr*>(&from), size);
            }
            char byte = 0;
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            ASSERT_EQ(recvfrom(client.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size), 1);
            EXPECT_EQ(name_of(from), four);
        }
        EXPECT_EQ(of_this.size(), 1U);
        chosen.insert(of_this.begin(), of_this.end());
    }
    EXPECT_GT(chosen.size(), 4U) << "of 8, by 40 sockets";
}

TEST_F(ServicePrograms, OtherNamespacesSeeItOnlyWhereTheyAreToldTo) {
    const Server here(AF_INET, SOCK_STREAM, "127.0.0.2", 8005);
    serve(four, {{address("127.0.0.2"), 1}});
    std::thread([&] {
        ASSERT_EQ(unshare(CLONE_NEWNET), 0);
        ASSERT_TRUE(os::loopback_up().ok());
        const Server there(AF_INET, SOCK_STREAM, "127.0.0.2", 8005);
        EXPECT_FALSE(connect_to(four, 8005));
        EXPECT_EQ(errno, ENETUNREACH) << "it means its own";
        const service_place place{os::netns_cookie().value(), network}, elsewhere{place.netns, network + 1};
        ASSERT_TRUE(pins->put(elsewhere).ok());
        EXPECT_FALSE(connect_to(four, 8005));
        ASSERT_TRUE(pins->put(place).ok());
        EXPECT_TRUE(connect_to(four, 8005)) << strerror(errno);
        ASSERT_TRUE(pins->erase(place).ok());
        ASSERT_TRUE(pins->erase(place).ok());
        EXPECT_FALSE(connect_to(four, 8005));
        ASSERT_TRUE(pins->erase(elsewhere).ok());
    }).join();
}

TEST_F(ServicePrograms, NobodyIsRefusedWhileBackendsChange) {
    const Server a(AF_INET, SOCK_STREAM, "127.0.0.2", 8006), b(AF_INET, SOCK_STREAM, "127.0.0.3", 8006);
    serve(four, {{address("127.0.0.2"), 1}});
    std::atomic<bool> done = false;
    std::thread changes([&] {
        for (int i = 0; !done; ++i) {
            std::vector<service::Backend> backends{{address(i % 2 ? "127.0.0.2" : "127.0.0.3"), 1}};
            if (i % 3 == 0) backends.push_back({address("127.0.0.2"), 5});
            EXPECT_TRUE(pins->put(address(four), network, backends).ok());
        }
    });
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
        const os::Fd client = connect_to(four, 8006);
        refused += client ? 0 : 1;
        std::ignore = taken_by(a);
        std::ignore = taken_by(b);
    }
    done = true;
    changes.join();
    EXPECT_EQ(refused, 0);
}

TEST_F(ServicePrograms, AnErasedServiceIsNobody) {
    serve(four, {{address("127.0.0.2"), 1}});
    ASSERT_TRUE(pins->erase(address(four)).ok());
    ASSERT_TRUE(pins->erase(address(four)).ok());
    EXPECT_FALSE(connect_to(four, 8007));
    EXPECT_EQ(errno, ENETUNREACH);
}

}  // namespace
