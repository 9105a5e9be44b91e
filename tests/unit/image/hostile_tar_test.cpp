// Archives that want out, or want to fill the host. Whatever they say, nothing beside the root changes.
#include "support.hpp"

#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::image::test {
namespace {

using driver::LayerFormat;
namespace fs = std::filesystem;

struct HostileTarTest : testing::Test {
    Scratch scratch;
    const std::string root = scratch / "a/root";

    void SetUp() override {
        fs::create_directories(root);
        fs::create_directories(scratch / "a/victim");
        ASSERT_TRUE(os::write_file_atomic(scratch / "a/victim/secret", "secret").ok());
        ASSERT_TRUE(os::write_file_atomic(scratch / "a/file", "file").ok());
    }
    void TearDown() override {
        EXPECT_EQ(read_text(scratch / "a/victim/secret"), "secret");
        EXPECT_EQ(read_text(scratch / "a/file"), "file");
        std::vector<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator(scratch.path()))
            if (!entry.path().string().starts_with(root)) names.push_back(entry.path().string());
        EXPECT_EQ(names.size(), 4u) << "something was made outside: " << testing::PrintToString(names);
        struct stat info {};
        ASSERT_EQ(stat((scratch / "a/file").c_str(), &info), 0);
        EXPECT_EQ(info.st_nlink, 1u) << "linked from inside";
        EXPECT_EQ(info.st_uid, 0u);
    }
    // Both formats; how it ends does not matter, what TearDown sees does.
    void harmless(const Tar& tar) {
        for (const LayerFormat format : {LayerFormat::overlay, LayerFormat::applied}) {
            fs::remove_all(root);
            fs::create_directories(root);
            static_cast<void>(unpack(tar.text(), root, format));
        }
    }
    void refused(const Tar& tar, const std::string& why, const UnpackLimits& limits = {}) {
        for (const LayerFormat format : {LayerFormat::overlay, LayerFormat::applied}) {
            fs::remove_all(root);
            fs::create_directories(root);
            const auto done = unpack(tar.text(), root, format, limits);
            ASSERT_FALSE(done.ok());
            EXPECT_EQ(done.error().code(), Errc::invalid) << done.error().message();
            EXPECT_THAT(done.error().message(), testing::HasSubstr(why));
        }
    }
};

TEST_F(HostileTarTest, DotDot) {
    refused(Tar().file("../file", "pwned"), "leaves the layer");
    refused(Tar().file("x/../../file", "pwned"), "leaves the layer");
    refused(Tar().folder("../../../../../../tmp"), "leaves the layer");
    refused(Tar().symlink("..", "x"), "leaves the layer");
    refused(Tar().file("../.wh.victim", ""), "leaves the layer");
    refused(Tar().pax({{"path", "../file"}}).file("fine", "pwned"), "leaves the layer");
    refused(Tar().long_name("../file").file("fine", "pwned"), "leaves the layer");
}

TEST_F(HostileTarTest, AbsoluteNamesAreBelowTheRoot) {
    const std::string name = (scratch / "a/file").substr(0, 90);
    ASSERT_TRUE(unpack(Tar().file(name, "inside").text(), root).ok());
    EXPECT_EQ(read_text(root + name), "inside");
}

TEST_F(HostileTarTest, ThroughSymbolicLinks) {
    const std::string victim = scratch / "a/victim";
    harmless(Tar().symlink("out", victim).file("out/secret", "pwned").file("out/new", "x"));
    harmless(Tar().symlink("out", "../victim").file("out/secret", "pwned").folder("out/dir"));
    harmless(Tar().symlink("out", "../../../../../../../../../../..").file("out" + victim + "/secret", "pwned"));
    harmless(Tar().symlink("a", ".").symlink("a/b", "..").symlink("a/b/c", "../victim").file("a/b/c/secret", "pwned"));
    harmless(Tar().symlink("out", victim).folder("out").file("out/secret", "own"));
    harmless(Tar().symlink("out", victim).file("out/.wh.secret", "").file("out/.wh..wh..opq", ""));
    harmless(Tar().symlink("out", victim).file(".wh.out", ""));
    harmless(Tar().symlink("out", victim + "/secret").file("out", "pwned"));
    harmless(Tar().symlink("out", victim + "/secret").raw({"out", '3', {}, 0666, 7, 7, 0, {}, 1, 3}));
    harmless(Tar().symlink("out", victim + "/secret").raw({"out", '2', "elsewhere", 0777, 7, 7}));
    harmless(
        Tar().symlink("proc", "/proc/self/root").file("proc/tmp/x", "x").symlink("cwd", "/proc/self/cwd").file("cwd/x", "x"));
}

TEST_F(HostileTarTest, ThroughAFolderThatBecomesALink) {
    const std::string victim = scratch / "a/victim";
    // The unpacker remembers folders: it must forget them when something takes their place.
    harmless(Tar().folder("d").file("d/x", "x").symlink("d", victim).file("d/secret", "pwned"));
    harmless(Tar().folder("d").folder("d/e").file("d/e/x", "x").symlink("d", "..").file("d/e/secret", "pwned"));
    const Tar again =
        Tar().symlink("l", "one").folder("one").folder("two").file("l/x", "1").symlink("l", "two").file("l/x", "2");
    ASSERT_TRUE(unpack(again.text(), root).ok());
    EXPECT_EQ(read_text(root + "/one/x"), "1");
    EXPECT_EQ(read_text(root + "/two/x"), "2");
}

TEST_F(HostileTarTest, FolderTimesThroughALinkMadeLater) {
    struct stat before {
    }, after{};
    ASSERT_EQ(stat((scratch / "a/victim").c_str(), &before), 0);
    harmless(Tar()
                 .raw({"d", '5', {}, 0755, 0, 0, 1})
                 .raw({"d/e", '5', {}, 0755, 0, 0, 1})
                 .symlink("d", scratch / "a")
                 .symlink("d/e", "victim"));
    harmless(Tar().raw({"victim", '5', {}, 0700, 9, 9, 1}).symlink("victim", scratch / "a/victim"));
    ASSERT_EQ(stat((scratch / "a/victim").c_str(), &after), 0);
    EXPECT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    EXPECT_EQ(before.st_mode, after.st_mode);
}

TEST_F(HostileTarTest, HardLinks) {
    const std::string file = scratch / "a/file";
    refused(Tar().hardlink("mine", "../file"), "leaves the layer");
    refused(Tar().hardlink("mine", ""), "root");
    harmless(Tar().hardlink("mine", file).file("mine", "pwned"));
    harmless(Tar().symlink("s", file).hardlink("mine", "s").raw({"mine", '0', {}, 0777, 5, 5}, "pwned"));
    harmless(Tar().symlink("up", "..").hardlink("mine", "up/file").file("mine", "pwned"));
    harmless(Tar().symlink("out", scratch / "a").hardlink("mine", "out/file").file("mine", "pwned"));
    harmless(Tar().folder("d").hardlink("mine", "d"));
    harmless(Tar().hardlink("self", "self"));
    harmless(Tar().file("x", "x").hardlink("x/y", "x"));
    harmless(Tar().folder("d").file("d/x", "x").hardlink("d", "d/x"));
}

TEST_F(HostileTarTest, LinksThatGoRound) {
    harmless(Tar().symlink("a", "b").symlink("b", "a").file("a/x", "x"));
    harmless(Tar().symlink("a", "a").file("a/x", "x"));
    harmless(Tar().symlink("a", "missing").file("a/x", "x"));
    harmless(Tar().folder("d").symlink("d/l", "../d").file("d/l/l/l/l/l/l/x", "x"));
}

TEST_F(HostileTarTest, WhiteoutsOfNothing) {
    refused(Tar().file(".wh.", ""), "whiteout");
    refused(Tar().file(".wh..", ""), "whiteout");
    refused(Tar().file("d/.wh...", ""), "whiteout");
}

TEST_F(HostileTarTest, TheRootIsAFolder) {
    refused(Tar().file("./", "x"), "root");
    refused(Tar().symlink(".", "/etc"), "root");
    refused(Tar().symlink("a/..", "/etc"), "root");
}

TEST_F(HostileTarTest, Bounds) {
    refused(Tar().file("a", std::string(2000, 'x')), "limit", {1999, 10});
    refused(Tar().raw({"a", '0', {}, 0644, 0, 0, 0, 1ULL << 40}), "limit");
    refused(Tar().raw({"a", '0', {}, 0644, 0, 0, 0, ~0ULL >> 1}), "limit");
    Tar many;
    for (int at = 0; at < 20; ++at) many.folder("same");
    refused(many, "entries", {1000, 19});
    refused(Tar()
                .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "9223372036854775807"}, {"GNU.sparse.name", "s"}})
                .file("x", "0\n" + std::string(510, '\0')),
            "bytes");
}

TEST_F(HostileTarTest, SizesThatLie) {
    refused(Tar().raw({"x", 'x', {}, 0, 0, 0, 0, 1ULL << 32}), "extended header");
    refused(Tar().raw({"x", 'L', {}, 0, 0, 0, 0, 1ULL << 32}), "extended header");
    refused(Tar().pax({{"size", "99999999999999999999"}}).file("a", "x"), "size");
    refused(Tar().pax({{"size", "-1"}}).file("a", "x"), "size");
    refused(Tar().pax({{"size", "5000"}}).file("a", "x"), "ends early");
    refused(Tar().pax({{"uid", "4294967295"}}).file("a", "x"), "uid");
    refused(Tar().pax({{"mtime", "now"}}).file("a", "x"), "time");
}

TEST_F(HostileTarTest, DamagedExtendedHeaders) {
    for (const std::string& text :
         {std::string("0 a=b\n"), std::string("99 a=b\n"), std::string("x a=b\n"), std::string("6 a=b"),
          std::string("6 =b\n\n"), std::string("5 ab\n"), std::string("99999999999999999999 a=b\n"), std::string("7 path\n")})
        refused(Tar().raw({"x", 'x'}, text).file("a", "x"), "archive");
    refused(Tar().pax({{"path", std::string("a\0b", 3)}}).file("a", "x"), "zero byte");
    refused(Tar().pax({{"path", std::string(5000, 'p')}}).file("a", "x"), "path of");
    refused(Tar().pax({{"path", "a"}}), "after an extended header");
}

TEST_F(HostileTarTest, WrongSparseMaps) {
    const auto with_map = [](const std::string& map) {
        return Tar().pax({{"GNU.sparse.size", "100"}, {"GNU.sparse.map", map}}).file("a", "abcde");
    };
    refused(with_map("0,6"), "sparse");
    refused(with_map("99,5"), "sparse");
    refused(with_map("10,3,5,2"), "sparse");
    refused(with_map("0,9223372036854775807"), "sparse");
    refused(with_map("9223372036854775807,5"), "sparse");
    refused(with_map("0"), "odd");
    refused(with_map("0,x"), "sparse");
    refused(Tar().pax({{"GNU.sparse.numbytes", "5"}}).file("a", "abcde"), "offset");
    const Tar::Header plain{"a", '0'};
    const auto version1 = [](const std::string& data) {
        return Tar().pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.name", "s"}, {"GNU.sparse.realsize", "100"}}).file("a", data);
    };
    refused(version1("9999999\n" + std::string(504, '\0')), "sparse");
    refused(version1("1\n0\n"), "sparse");
    refused(version1("99999999999999999999999\n" + std::string(504, '\0')), "sparse");
    refused(version1(std::string(512, '1')), "sparse");
}

TEST_F(HostileTarTest, DamagedHeaders) {
    std::string archive = Tar().file("a", "x").text();
    archive[0] ^= 1;
    EXPECT_EQ(unpack(archive, root).error().code(), Errc::invalid);
    refused(Tar().raw({"a", 'Z'}), "unknown type");
    EXPECT_FALSE(unpack(std::string(512, '\0') + Tar().file("a", "x").text(), root).ok());
    EXPECT_FALSE(unpack(std::string(5000, '\xff'), root).ok());
}

TEST_F(HostileTarTest, FilesWhereFoldersShouldBe) {
    harmless(Tar().file("a", "x").file("a/b", "x"));
    harmless(Tar().file("a", "x").file("a/.wh.b", ""));
    harmless(Tar().raw({"a", '6'}).file("a", "replaced, not written into").file("b", "x"));
    harmless(Tar().raw({"a", '6'}).hardlink("b", "a").file("b", "x"));
}

TEST_F(HostileTarTest, DeepFolders) {
    std::string deep;
    for (int at = 0; at < 500; ++at) deep += "d/";
    harmless(Tar().pax({{"path", deep + "x"}}).file("x", "x"));
    harmless(Tar().pax({{"path", deep + "x"}}).file("x", "x").file("d", "replaces them all"));
    ASSERT_TRUE(os::remove_tree(root).ok());
    fs::create_directories(root);
}

}  // namespace
}  // namespace gantry::image::test
