// The manual pages and the readers know the same keys.
#include "config/engine.hpp"
#include "config/reader.hpp"
#include "os/file.hpp"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <sstream>

using namespace gantry;

namespace {

// "*limits.memory* = SIZE": a key is what stands so at the start of a line, several divided by commas.
std::vector<std::string> documented(const std::string& page) {
    const std::string text = os::read_file(std::string(GANTRY_SOURCE_DIR "/doc/") + page).value_or("");
    static const std::regex key(R"(\*([a-z_.0-9]+)\* = )");
    std::set<std::string> keys;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with('*'))
            for (std::sregex_iterator at(line.begin(), line.end(), key), end; at != end; ++at) keys.insert((*at)[1]);
    return {keys.begin(), keys.end()};
}

}  // namespace

TEST(Manual, definition_has_every_key_and_no_other) { EXPECT_EQ(documented("gantry-definition.5.scd"), config::known_keys()); }

TEST(Manual, engine_configuration_has_every_key_and_no_other) {
    EXPECT_EQ(documented("gantry.toml.5.scd"), config::known_engine_keys());
}

TEST(Manual, shipped_configuration_is_right_and_says_the_defaults) {
    const std::string text = os::read_file(GANTRY_SOURCE_DIR "/config/gantry.toml").value_or("");
    ASSERT_NE(text, "");
    ASSERT_TRUE(config::parse_engine(text, "gantry.toml").ok());
    // With every comment mark in front of a key taken away it must be right too, and mean the same where it gives a default.
    const std::string all = std::regex_replace(text, std::regex("(^|\n)# (?=[a-z\\[\\]]|    \\{)"), "$1");
    const auto engine = config::parse_engine(all, "gantry.toml");
    ASSERT_TRUE(engine.ok()) << engine.error().message() << "\n" << all;
    const config::Engine standard;
    EXPECT_EQ(engine->storage_driver, standard.storage_driver);
    EXPECT_EQ(engine->default_network, standard.default_network);
    EXPECT_EQ(engine->address_pools, standard.address_pools);
    EXPECT_EQ(engine->default_bind_address, standard.default_bind_address);
    EXPECT_EQ(engine->bypass_firewall, standard.bypass_firewall);
    EXPECT_EQ(engine->pull_jobs, standard.pull_jobs);
    EXPECT_EQ(engine->push_jobs, standard.push_jobs);
    EXPECT_EQ(engine->search_registries, standard.search_registries);
    EXPECT_EQ(engine->idle_exit_seconds, standard.idle_exit_seconds);
}
