// The data path's programs in this kernel, run over packets (BPF_PROG_RUN). Needs root; in a mount and a network namespace of
// their own.
#pragma once

#include "os/bpf.hpp"
#include "route/loader.hpp"
#include "route/pins.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace gantry {

inline std::string bytes_of(const std::string& address) {
    char bytes[16];
    if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return {bytes, 4};
    EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), bytes), 1) << address;
    return {bytes, 16};
}

class RouteFixture : public testing::Test {
protected:
    // command: what else the namespace needs.
    static void enter(const char* command) {
        char name[] = "/tmp/gantry-route-XXXXXX";
        folder = mkdtemp(name);
        why.clear();
        if (geteuid() != 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
            mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount("bpf", folder.c_str(), "bpf", 0, nullptr) != 0 || std::system(command) != 0)
            why = "needs root, a bpffs and ip(8)";
    }
    static void TearDownTestSuite() {
        umount2(folder.c_str(), MNT_DETACH);
        std::filesystem::remove(folder);
        std::filesystem::remove(folder + ".lock");
    }
    void SetUp() override {
        if (!why.empty()) GTEST_SKIP() << why;
        auto opened = route::Pins::open_or_make(folder + "/gantry", folder + ".lock",
                                                {route::load, [](route::Pins&, const std::string&) { return Result<>(); }});
        ASSERT_TRUE(opened.ok()) << opened.error().message();
        pins = std::make_unique<route::Pins>(std::move(opened).value());
        lo = if_nametoindex("lo");
    }
    // A container behind interface `wire` of the network with that interface.
    void add(unsigned wire, unsigned network, const char* four, const char* six) {
        route_wire entry{};
        entry.network = network;
        bytes_of(four).copy(reinterpret_cast<char*>(&entry.v4), 4);
        bytes_of(six).copy(reinterpret_cast<char*>(entry.v6), 16);
        ASSERT_TRUE(pins->put(wire, entry).ok());
        route_container container{wire, network, {}};
        std::string("CONTAIgatewa").copy(reinterpret_cast<char*>(container.header), 12);
        for (const char* address : {four, six}) ASSERT_TRUE(pins->put(route::address_of(bytes_of(address)), container).ok());
    }
    // What becomes of a frame that comes by the interface; came_out: the frame afterwards.
    int run(int program, unsigned interface, const std::string& frame) {
        __sk_buff context{};
        context.ifindex = interface;
        std::vector<std::byte> in(frame.size()), out(frame.size() + 64);
        std::memcpy(in.data(), frame.data(), frame.size());
        const auto result = os::bpf_run(program, in, context, out);
        EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
        came_out.assign(reinterpret_cast<const char*>(out.data()), frame.size());
        return result.ok() ? static_cast<int>(*result) : -100;
    }

    static inline std::string folder, why;
    std::unique_ptr<route::Pins> pins;
    std::string came_out;
    unsigned lo = 0;
};

}  // namespace gantry
