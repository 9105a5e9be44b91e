#include "container/network_store.hpp"
#include "scratch.hpp"

#include <thread>

using namespace gantry;
using container::NetworkInfo;

namespace {

// Gives every network the next /24, as a driver with a pool does.
class PoolDriver : public driver::NetworkDriver {
public:
    Result<> probe() override { return {}; }
    Result<driver::NetworkConfig> network_create(const driver::NetworkConfig& wanted,
                                                 const std::vector<driver::NetworkConfig>& others) override {
        driver::NetworkConfig made = wanted;
        made.subnets = {{fmt::format("10.9.{}.0/24", others.size()), "", ""}};
        return made;
    }
    Result<> network_remove(const driver::NetworkConfig&) override { return {}; }
    Result<> network_reload(const driver::NetworkConfig&) override { return {}; }
    Result<> validate(const driver::AttachRequest&) override { return {}; }
    Result<driver::AttachStatus> prepare(const driver::AttachRequest&, int) override { return driver::AttachStatus{}; }
    Result<> teardown(const std::string&, const driver::NetworkConfig&, bool) override { return {}; }
    Result<std::vector<driver::Lease>> leases(const driver::NetworkConfig&) override { return std::vector<driver::Lease>{}; }
    Result<std::vector<std::string>> recover(const driver::NetworkConfig&, const std::vector<std::string>&,
                                             const std::vector<std::string>&, bool) override {
        return std::vector<std::string>{};
    }
};

NetworkInfo wanted(const std::string& name) {
    NetworkInfo network;
    network.config.name = name;
    network.config.driver = "bridge";
    return network;
}

}  // namespace

TEST(NetworkStore, what_is_written_is_read_back) {
    test::Scratch scratch;
    NetworkInfo network = wanted("front");
    network.config.internal = true;
    network.config.isolated = false;
    network.config.mtu = 1400;
    network.config.subnets = {{"10.1.0.0/16", "10.1.0.1", "10.1.4.0/24"}, {"fd00::/64", "", ""}};
    network.config.options = {{"bridge.name", "br\"quoted\""}};
    network.labels = {{"tier", "line\nbreak\x01'''"}};
    network.created = 1234;
    network.id = std::string(64, 'a');
    ASSERT_TRUE(container::write_network(scratch.paths, network).ok());
    auto read = container::read_network(scratch.paths, "front");
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_TRUE(read->config.internal);
    EXPECT_FALSE(read->config.isolated);
    EXPECT_EQ(read->config.mtu, 1400U);
    ASSERT_EQ(read->config.subnets.size(), 2U);
    EXPECT_EQ(read->config.subnets[0].ip_range, "10.1.4.0/24");
    EXPECT_EQ(read->config.options, network.config.options);
    EXPECT_EQ(read->labels, network.labels);
    EXPECT_EQ(read->id, network.id);
    EXPECT_FALSE(read->predefined);
}

TEST(NetworkStore, names_cannot_leave_the_folder) {
    test::Scratch scratch;
    for (const char* name : {"../etc", "a/b", "..", "", "-x", "."}) {
        auto read = container::read_network(scratch.paths, name);
        ASSERT_FALSE(read.ok());
        EXPECT_EQ(read.error().code(), Errc::invalid) << name;
        EXPECT_FALSE(container::erase_network(scratch.paths, name).ok());
    }
}

TEST(NetworkStore, broken_files_are_told_with_their_place) {
    test::Scratch scratch;
    ASSERT_TRUE(container::write_network(scratch.paths, wanted("good")).ok());
    const auto put = [&](const char* name, const char* text) {
        EXPECT_TRUE(os::write_file_atomic(scratch.paths.networks() + "/" + name, text).ok());
    };
    put("syntax.toml", "driver = \n");
    put("unknown.toml", "drivr = 'bridge'\n");
    put("type.toml", "driver = 'bridge'\nmtu = 'big'\n");
    put("subnet.toml", "[[subnets]]\ncidr = 4\n");
    std::vector<std::string> problems;
    auto networks = container::read_networks(scratch.paths, &problems);
    ASSERT_TRUE(networks.ok());
    EXPECT_EQ(networks->size(), 1U);
    ASSERT_EQ(problems.size(), 4U);
    EXPECT_NE(problems[0].find("subnet.toml:2:"), std::string::npos) << problems[0];
    EXPECT_NE(problems[2].find("type.toml:2:"), std::string::npos) << problems[2];
    EXPECT_NE(problems[3].find("'drivr' is not known"), std::string::npos) << problems[3];
}

TEST(NetworkStore, creations_at_once_get_different_addresses_and_one_name_only_once) {
    test::Scratch scratch;
    PoolDriver driver;
    std::atomic<int> made = 0, refused = 0;
    {
        std::vector<std::jthread> threads;
        for (int index = 0; index < 8; ++index)
            threads.emplace_back([&, index] {
                auto network =
                    container::make_network(scratch.paths, config::Engine{}, driver, wanted(fmt::format("net{}", index / 2)));
                if (network.ok())
                    ++made;
                else if (network.error().code() == Errc::exists)
                    ++refused;
            });
    }
    EXPECT_EQ(made, 4);
    EXPECT_EQ(refused, 4);
    std::set<std::string> subnets;
    const auto networks = container::read_networks(scratch.paths);
    ASSERT_TRUE(networks.ok());
    for (const auto& network : *networks) subnets.insert(network.config.subnets.at(0).cidr);
    EXPECT_EQ(subnets.size(), 4U);
}

TEST(NetworkStore, only_the_default_network_is_made_on_first_use) {
    test::Scratch scratch;
    PoolDriver driver;
    config::Engine engine;
    auto bridge = container::find_network(scratch.paths, engine, "bridge", driver);
    ASSERT_TRUE(bridge.ok()) << bridge.error().message();
    EXPECT_TRUE(bridge->predefined);
    EXPECT_EQ(container::find_network(scratch.paths, engine, "bridge", driver)->id, bridge->id);
    auto other = container::find_network(scratch.paths, engine, "other", driver);
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().message(), "network 'other' not found");
    EXPECT_EQ(container::make_network(scratch.paths, config::Engine{}, driver, wanted("host")).error().code(), Errc::exists);
}
