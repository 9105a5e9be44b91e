// What only bridges can do wrong.
#include "guard/loader.hpp"
#include "host.hpp"
#include "links.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

namespace gantry::net {

const char* const tested_driver = "bridge";

namespace {

bridge::Places places_in(const std::filesystem::path& folder) {
    // A bpffs of each test's own, in a mount namespace of this program's.
    static const bool alone = unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    EXPECT_TRUE(alone) << strerror(errno);
    if (!std::filesystem::exists(folder / "bpf")) {
        std::filesystem::create_directory(folder / "bpf");
        EXPECT_EQ(mount("bpf", (folder / "bpf").c_str(), "bpf", 0, nullptr), 0) << strerror(errno);
    }
    return {.run_dir = folder / "run", .pins = folder / "bpf/gantry", .load = guard::load};
}

}  // namespace

std::unique_ptr<driver::NetworkDriver> make_tested_driver(const std::filesystem::path& folder) {
    return bridge::make_driver(folder / "data", places_in(folder));
}

namespace {

using testing::HasSubstr;
using testing::Not;

class BridgeLive : public LiveHost {};

TEST_F(BridgeLive, MoreContainersThanABridgeHasPorts) {
    // The kernel's limit is tried once, for real, by ManyLive below; here the seams are tried with a limit of 8.
    driver_ = bridge::make_driver(folder_ / "data", places_in(folder_), 8);
    const auto config = network();
    std::vector<os::Fd> containers;
    std::vector<std::string> addresses;
    for (int number = 0; number < 30; ++number) {
        containers.push_back(new_netns());
        const auto status = must_prepare(request("c" + std::to_string(number + 10), config), containers.back().get());
        ASSERT_FALSE(status.addresses.empty());
        addresses.push_back(bare(status.addresses[0]));
    }
    EXPECT_THAT(run("ip -br link"), HasSubstr("gantry0-4"));
    const os::Fd server = listen_in(containers.back().get(), driver::Protocol::tcp, 80);
    EXPECT_EQ(connect_from(containers.front().get(), addresses.back(), 80, server.get()).peer, addresses.front());
    const os::Fd world = outside();
    const os::Fd world_server = listen_in(world.get(), driver::Protocol::tcp, 80);
    EXPECT_TRUE(connect_from(containers.back().get(), "192.0.2.2", 80, world_server.get()).connected);
    EXPECT_EQ(driver_->network_remove(config).error().code(), Errc::in_use);
    for (int number = 0; number < 30; ++number)
        ASSERT_TRUE(driver_->teardown("c" + std::to_string(number + 10), config, false).ok());
    const auto removed = driver_->network_remove(config);
    ASSERT_TRUE(removed.ok()) << removed.error().message();
    EXPECT_THAT(run("ip -br link"), Not(testing::AnyOf(HasSubstr("gantry0"), HasSubstr("gta-"), HasSubstr("veth"))));
    EXPECT_TRUE(driver_->network_remove(config).ok());
}

}  // namespace
}  // namespace gantry::net
