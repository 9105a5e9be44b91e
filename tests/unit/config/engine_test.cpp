#include "config/engine.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace gantry;
using namespace gantry::config;

TEST(EngineFile, empty_is_the_default) {
    const Engine engine = parse_engine("", "gantry.toml").value();
    EXPECT_EQ(engine.storage_driver, "overlayfs");
    EXPECT_EQ(engine.default_network, "bridge");
    EXPECT_EQ(engine.pull_jobs, 3U);
    Paths nowhere;
    nowhere.etc = "/nonexistent";
    EXPECT_TRUE(load_engine(nowhere).ok());
}

TEST(EngineFile, takes_every_key) {
    const auto engine = parse_engine(R"(
        [storage]
        driver = "btrfs"
        [network]
        default = "front"
        address_pools = [{ base = "10.0.0.0/8", size = 24 }, { base = "fd00::/48", size = 64 }]
        [pull]
        jobs = 5
        search = ["reg.example", "docker.io"]
        [daemon]
        idle_exit = "5m"
        [aliases]
        web = "reg.example/web:1"
        [registry."reg.example:5000"]
        mirrors = ["mirror.example/cache"]
        insecure = true
        ca = "/etc/ca.crt"
        certificate = "/etc/c.crt"
        key = "/etc/c.key"
        blocked = false
    )",
                                     "gantry.toml");
    ASSERT_TRUE(engine.ok()) << engine.error().message();
    EXPECT_EQ(engine->storage_driver, "btrfs");
    EXPECT_EQ(engine->address_pools.size(), 2U);
    EXPECT_EQ(engine->idle_exit_seconds, 300U);
    EXPECT_EQ(engine->registries.at("reg.example:5000").mirrors.at(0), "mirror.example/cache");
    EXPECT_EQ(engine->aliases.at("web"), "reg.example/web:1");
}

TEST(EngineFile, refuses_mistakes_with_their_place) {
    const auto failure = [](const char* text) {
        const auto result = parse_engine(text, "gantry.toml");
        return result.ok() ? std::string() : result.error().message();
    };
    EXPECT_EQ(failure("[storage]\ndirver = \"x\""),
              "gantry.toml:2:1: key 'dirver' is not known in 'storage', did you mean 'driver'");
    EXPECT_EQ(failure("[pull]\njobs = 0"), "gantry.toml:2:8: key 'pull.jobs': 0 is out of range, it must be between 1 and 64");
    for (const char* bad :
         {"[registry.\"http://x\"]\ninsecure = true", "[network]\naddress_pools = [{ base = \"10.0.0.0/8\", size = 4 }]",
          "[network]\naddress_pools = [{ base = \"x\", size = 24 }]",
          "[network]\naddress_pools = [{ base = \"10.0.0.0/24\", size = 20 }]", "[aliases]\nx = \"NO\"",
          "[pull]\nsearch = [\"docker.io/x\"]", "[registry.reg]\nca = \"x\"", "storage = 1"})
        EXPECT_NE(failure(bad), "") << bad;
}

TEST(Paths, follow_the_environment) {
    setenv("GANTRY_ROOT", "/tmp/r", 1);
    setenv("GANTRY_DRIVERS", "/tmp/d", 1);
    const Paths paths = Paths::from_environment();
    unsetenv("GANTRY_ROOT");
    unsetenv("GANTRY_DRIVERS");
    EXPECT_EQ(paths.etc, "/tmp/r/etc/gantry");
    EXPECT_EQ(paths.images(), "/tmp/r/var/lib/gantry/images");
    EXPECT_EQ(paths.drivers, "/tmp/d");
    EXPECT_EQ(Paths::from_environment().run, "/run/gantry");
}
