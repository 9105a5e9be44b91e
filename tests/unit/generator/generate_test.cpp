#include "generator/generate.hpp"

#include "os/file.hpp"

#include <gtest/gtest.h>

#include <filesystem>

using namespace gantry;

namespace {

class Generator : public testing::Test {
protected:
    void SetUp() override {
        std::filesystem::remove_all(root_);
        ASSERT_TRUE(os::make_dirs(root_ + "/defs").ok());
        ASSERT_TRUE(os::make_dirs(root_ + "/early").ok());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void define(const std::string& file, const std::string& text) {
        ASSERT_TRUE(os::write_file_atomic(root_ + "/defs/" + file, text, 0644, false).ok());
    }
    std::size_t run() {
        config::Paths paths;
        paths.data = root_ + "/data";
        return generator::generate(paths, {{root_ + "/defs"}}, root_ + "/early",
                                   [&](std::string_view line) { told_.emplace_back(line); });
    }
    std::string dropin(const std::string& unit) {
        return os::read_file(root_ + "/early/" + unit + ".d/10-gantry.conf").value_or("");
    }

    std::string root_ = testing::TempDir() + "generator";
    std::vector<std::string> told_;
};

}  // namespace

TEST_F(Generator, writes_a_drop_in_for_each_definition) {
    define("web.toml", "image = \"nginx\"\nrestart = \"always\"\n[health]\ncommand = \"true\"\n");
    define("db.toml", "image = \"postgres\"\n");
    define("notes.txt", "not a definition");
    define("bad name.toml", "image = \"x\"");
    EXPECT_EQ(run(), 2U);
    EXPECT_TRUE(told_.empty());
    EXPECT_NE(dropin("ctr@web.service").find("Restart=always"), std::string::npos);
    EXPECT_NE(dropin("ctr@web.service").find("SourcePath=" + root_ + "/defs/web.toml"), std::string::npos);
    EXPECT_NE(dropin("ctr-health@web.timer").find("OnUnitInactiveSec=30s"), std::string::npos);
    EXPECT_EQ(dropin("ctr-health@db.timer"), "");
}

TEST_F(Generator, one_broken_definition_costs_one_line) {
    define("aa.toml", "image = 7\nfoo = 1\n");
    define("bb.toml", "image = \"x\"\nrequires = [\"bb\"]\n");
    define("cc.toml", "image = \"x\"\n");
    std::filesystem::create_symlink("/nonexistent", root_ + "/defs/dd.toml");
    std::filesystem::create_directory(root_ + "/defs/ee.toml");
    EXPECT_EQ(run(), 1U);
    ASSERT_EQ(told_.size(), 4U);
    EXPECT_EQ(told_[0].rfind(root_ + "/defs/aa.toml:1:9: key 'image' must be a string", 0), 0U) << told_[0];
    EXPECT_NE(told_[1].find("bb.toml: container 'bb' cannot depend on itself"), std::string::npos) << told_[1];
    EXPECT_NE(dropin("ctr@cc.service"), "");
}

TEST_F(Generator, data_that_are_mounted_later_are_asked_for_again) {
    config::Paths paths;
    paths.data = root_ + "/data";
    const std::string link = root_ + "/normal/multi-user.target.wants/gantry-definitions.service";
    ASSERT_TRUE(generator::ask_again_later(paths, root_ + "/normal").ok());
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    std::filesystem::remove(link);
    ASSERT_TRUE(os::make_dirs(paths.data + "/images").ok());
    ASSERT_TRUE(generator::ask_again_later(paths, root_ + "/normal").ok());
    EXPECT_FALSE(std::filesystem::is_symlink(link));
}

TEST_F(Generator, a_hundred_definitions_take_a_moment) {
    for (int i = 0; i < 100; ++i)
        define(fmt::format("c{}.toml", i),
               "image = \"nginx\"\nports = [\"80\"]\nvolumes = [\"/srv:/srv\"]\n[limits]\nmemory = \"1g\"\n[env]\nA = \"1\"\n");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(run(), 100U);
    const auto took = std::chrono::steady_clock::now() - start;
    // Measured: 8 ms in a release build. The bound is for a sanitizer build on a busy machine.
    EXPECT_LT(took, std::chrono::seconds(10));
    std::printf("%ld us\n", static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
}
