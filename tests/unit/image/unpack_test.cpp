// What well-meant layers must become. hostile_tar_test.cpp has the others.
#include "support.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace gantry::image::test {
namespace {

using driver::LayerFormat;
namespace fs = std::filesystem;

struct UnpackTest : testing::Test {
    Scratch scratch;
    const std::string root = scratch / "root";

    void good(const Tar& tar, LayerFormat format = LayerFormat::overlay) {
        const auto done = unpack(tar.text(), root, format);
        ASSERT_TRUE(done.ok()) << done.error().message();
    }
    struct stat info(const std::string& name) {
        struct stat info {};
        EXPECT_EQ(lstat((root + "/" + name).c_str(), &info), 0) << name;
        return info;
    }
    std::string text(const std::string& name) { return read_text(root + "/" + name); }
    std::string xattr(const std::string& name, const char* key) {
        char value[256];
        const ssize_t size = lgetxattr((root + "/" + name).c_str(), key, value, sizeof value);
        return size < 0 ? "none" : std::string(value, static_cast<std::size_t>(size));
    }
    bool whiteout(const std::string& name) {
        struct stat found {};
        return lstat((root + "/" + name).c_str(), &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == 0;
    }
    bool opaque(const std::string& name) { return xattr(name, "trusted.overlay.opaque") == "y"; }
};

TEST_F(UnpackTest, FilesFoldersAndLinks) {
    good(Tar()
             .folder("./")
             .folder("./usr/")
             .folder("usr/bin", 0711)
             .file("usr/bin/a", "hello", 04755)
             .symlink("bin", "usr/bin")
             .hardlink("usr/bin/b", "usr/bin/a")
             .raw({"fifo", '6', {}, 0600})
             .file("./implied/deep/file", "x"));
    EXPECT_EQ(text("usr/bin/a"), "hello");
    EXPECT_EQ(info("usr/bin/a").st_mode, S_IFREG | 04755u);
    EXPECT_EQ(info("usr/bin").st_mode, S_IFDIR | 0711u);
    EXPECT_EQ(info("usr/bin/a").st_ino, info("usr/bin/b").st_ino);
    EXPECT_EQ(fs::read_symlink(root + "/bin"), "usr/bin");
    EXPECT_EQ(info("fifo").st_mode, S_IFIFO | 0600u);
    EXPECT_EQ(info("implied/deep").st_mode, S_IFDIR | 0755u);
}

TEST_F(UnpackTest, UmaskDoesNotMatter) {
    const mode_t before = umask(077);
    good(Tar().file("a/b", "x", 0666).folder("c", 0777));
    umask(before);
    EXPECT_EQ(info("a").st_mode & 07777, 0755u);
    EXPECT_EQ(info("a/b").st_mode & 07777, 0666u);
    EXPECT_EQ(info("c").st_mode & 07777, 0777u);
}

TEST_F(UnpackTest, OwnersAndSetIdBits) {
    good(Tar()
             .raw({"dir", '5', {}, 02775, 1, 7})
             .raw({"dir/file", '0', {}, 06755, 1000, 1001}, "x")
             .raw({"dir/link", '2', "file", 0777, 5, 6})
             .raw({"dir/sub", '5', {}, 0755, 0, 0}));
    EXPECT_EQ(info("dir").st_mode & 07777, 02775u);
    EXPECT_EQ(info("dir").st_gid, 7u);
    EXPECT_EQ(info("dir/file").st_mode & 07777, 06755u);
    EXPECT_EQ(info("dir/file").st_uid, 1000u);
    EXPECT_EQ(info("dir/file").st_gid, 1001u);
    EXPECT_EQ(info("dir/link").st_uid, 5u);
    EXPECT_EQ(info("dir/sub").st_gid, 0u) << "not inherited from the set-group-id folder";
}

TEST_F(UnpackTest, TimesAlsoOfFoldersAndLinks) {
    good(Tar()
             .raw({"dir", '5', {}, 0755, 0, 0, 1000})
             .raw({"dir/a", '0', {}, 0644, 0, 0, 2000}, "x")
             .raw({"l", '2', "x", 0777, 0, 0, 3000})
             .pax({{"mtime", "1700000000.123456789"}, {"atime", "1600000000.5"}})
             .file("dir/b", "x")
             .pax({{"mtime", "-1.25"}})
             .file("dir/old", "x")
             .raw({"./", '5', {}, 0755, 0, 0, 4000}));
    EXPECT_EQ(info("dir").st_mtim.tv_sec, 1000);
    EXPECT_EQ(info("dir/a").st_mtim.tv_sec, 2000);
    EXPECT_EQ(info("l").st_mtim.tv_sec, 3000);
    EXPECT_EQ(info("dir/b").st_mtim.tv_sec, 1700000000);
    EXPECT_EQ(info("dir/b").st_mtim.tv_nsec, 123456789);
    EXPECT_EQ(info("dir/b").st_atim.tv_sec, 1600000000);
    EXPECT_EQ(info("dir/old").st_mtim.tv_sec, -2);
    EXPECT_EQ(info("dir/old").st_mtim.tv_nsec, 750'000'000);
    EXPECT_EQ(info(".").st_mtim.tv_sec, 4000);
}

TEST_F(UnpackTest, Devices) {
    good(Tar().raw({"null", '3', {}, 0666, 0, 0, 0, {}, 1, 3}).raw({"loop", '4', {}, 0660, 0, 6, 0, {}, 7, 1}));
    EXPECT_TRUE(S_ISCHR(info("null").st_mode));
    EXPECT_EQ(info("null").st_mode & 07777, 0666u);
    EXPECT_EQ(info("null").st_rdev, makedev(1, 3));
    EXPECT_TRUE(S_ISBLK(info("loop").st_mode));
    EXPECT_EQ(info("loop").st_gid, 6u);
}

TEST_F(UnpackTest, ExtendedAttributes) {
    // VFS_CAP_REVISION_2 with cap_net_raw+ep (linux/capability.h).
    const std::string capability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
    good(Tar()
             .pax({{"SCHILY.xattr.security.capability", capability},
                   {"SCHILY.xattr.user.note", std::string("a\0b\n", 4)},
                   {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                   {"SCHILY.xattr.security.selinux", "x"}})
             .raw({"ping", '0', {}, 0755, 3, 4}, "x")
             .pax({{"LIBARCHIVE.xattr.user.b%2e64", "aGVsbG8"}})
             .folder("dir")
             .pax({{"SCHILY.xattr.trusted.overlay.redirect", "/etc"}, {"SCHILY.xattr.user.overlay.opaque", "y"}})
             .folder("evil"));
    EXPECT_EQ(xattr("ping", "security.capability"), capability);
    EXPECT_EQ(xattr("ping", "user.note"), std::string("a\0b\n", 4));
    EXPECT_EQ(xattr("ping", "trusted.overlay.opaque"), "none");
    EXPECT_EQ(xattr("ping", "security.selinux"), "none");
    EXPECT_EQ(xattr("dir", "user.b.64"), "hello");
    EXPECT_EQ(xattr("evil", "trusted.overlay.redirect"), "none");
    EXPECT_EQ(xattr("evil", "user.overlay.opaque"), "none");
}

TEST_F(UnpackTest, LongNamesOfEveryKind) {
    const std::string part(90, 'p');
    const std::string pax_name = part + "/" + part + "/pax-ü";
    const std::string gnu_name = part + "/" + part + "/gnu";
    Tar::Header ustar{"ustar", '0'};
    good(Tar()
             .pax({{"path", pax_name}, {"size", "3"}})
             .raw({"short", '0'}, "abc")
             .long_name(gnu_name)
             .file("cut", "gnu")
             .long_name("link")
             .long_name(gnu_name, 'K')
             .symlink("cut", "cut")
             .pax({{"linkpath", pax_name}})
             .hardlink("hard", "cut"));
    EXPECT_EQ(text(pax_name), "abc");
    EXPECT_EQ(text(gnu_name), "gnu");
    EXPECT_EQ(fs::read_symlink(root + "/link"), gnu_name);
    EXPECT_EQ(text("hard"), "abc");
}

TEST_F(UnpackTest, UstarPrefix) {
    std::string block = Tar().file("name", "").text().substr(0, 512);
    block.replace(345, 6, "prefix");
    block.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    block.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    ASSERT_TRUE(unpack(block, root).ok());
    EXPECT_TRUE(fs::exists(root + "/prefix/name"));
}

// 3 bytes at 0, 2 at 1 MiB, a hole of the same size at the end.
void expect_sparse(const std::string& path) {
    std::string wanted(2U << 20, '\0');
    wanted.replace(0, 3, "abc");
    wanted.replace(1U << 20, 2, "xy");
    EXPECT_EQ(read_text(path), wanted) << path;
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_LT(info.st_blocks, 64) << path << " has no holes";
}

TEST_F(UnpackTest, SparseFilesOfPax) {
    const std::string map = "2\n0\n3\n1048576\n2\n";
    good(Tar()
             .pax({{"GNU.sparse.size", "2097152"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.offset", "0"},
                   {"GNU.sparse.numbytes", "3"},
                   {"GNU.sparse.offset", "1048576"},
                   {"GNU.sparse.numbytes", "2"}})
             .file("v00", "abcxy")
             .pax({{"GNU.sparse.size", "2097152"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.name", "v01"},
                   {"GNU.sparse.map", "0,3,1048576,2"}})
             .file("GNUSparseFile.1/v01", "abcxy")
             .pax({{"GNU.sparse.major", "1"},
                   {"GNU.sparse.minor", "0"},
                   {"GNU.sparse.name", "v10"},
                   {"GNU.sparse.realsize", "2097152"}})
             .file("GNUSparseFile.1/v10", map + std::string(512 - map.size(), '\0') + "abcxy")
             .file("after", "after"));
    for (const char* name : {"v00", "v01", "v10"}) expect_sparse(root + "/" + name);
    EXPECT_EQ(text("after"), "after");
}

TEST_F(UnpackTest, SparseFilesOfOldGnu) {
    // A header with two parts, and one whose parts go on in a block of their own.
    const auto sparse = [](const std::string& name, bool extended) {
        std::string archive = Tar().raw({name, 'S'}, "abcxy").text();
        std::string block = archive.substr(0, 512);
        const auto octal = [](std::uint64_t value) { return fmt::format("{:011o}", value) + '\0'; };
        block.replace(386, 24, octal(0) + octal(3));
        if (!extended) block.replace(410, 24, octal(1U << 20) + octal(2));
        block[482] = extended ? 1 : 0;
        block.replace(483, 12, octal(2U << 20));
        block.replace(148, 8, "        ");
        unsigned sum = 0;
        for (const char c : block) sum += static_cast<unsigned char>(c);
        block.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
        std::string extension;
        if (extended) {
            extension = octal(1U << 20) + octal(2);
            extension.resize(512, '\0');
        }
        return block + extension + archive.substr(512, 512);
    };
    const auto done = unpack(sparse("one", false) + sparse("two", true) + Tar().file("after", "after").text(), root);
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(*done, 15u);
    expect_sparse(root + "/one");
    expect_sparse(root + "/two");
    EXPECT_EQ(text("after"), "after");
}

TEST_F(UnpackTest, LaterEntriesReplaceEarlierOnes) {
    good(Tar()
             .file("a", "file")
             .folder("a")
             .file("a/in", "x")
             .folder("b")
             .file("b/in", "x")
             .file("b", "now a file")
             .symlink("c", "a")
             .folder("c")
             .symlink("d", "a")
             .file("d", "not through the link")
             .file("e", "1")
             .hardlink("f", "e")
             .file("f", "2")
             .symlink("g", "a")
             .symlink("g", "b")
             .folder("dir", 0700)
             .file("dir/kept", "x")
             .folder("dir", 0750));
    EXPECT_EQ(text("a/in"), "x");
    EXPECT_EQ(text("b"), "now a file");
    EXPECT_TRUE(S_ISDIR(info("c").st_mode));
    EXPECT_EQ(text("d"), "not through the link");
    EXPECT_EQ(text("e"), "1") << "a replaced hard link leaves its other name alone";
    EXPECT_EQ(text("f"), "2");
    EXPECT_EQ(fs::read_symlink(root + "/g"), "b");
    EXPECT_EQ(info("dir").st_mode & 07777, 0750u);
    EXPECT_EQ(text("dir/kept"), "x");
}

// The parent's descriptor must outlive what is removed for the entry.
TEST_F(UnpackTest, ReplacingBelowFolders) {
    for (const LayerFormat format : {LayerFormat::overlay, LayerFormat::applied}) {
        fs::remove_all(root);
        Tar tar;
        for (const char* name : {"p/q/file", "p/q/folder", "p/q/link", "p/q/hard", "p/q/node"})
            tar.folder(name).file(std::string(name) + "/x", "x");
        tar.file("p/q/file", "file").symlink("p/q/link", "file").hardlink("p/q/hard", "p/q/file").raw({"p/q/node", '6'});
        tar.symlink("p/q/folder", "file").folder("p/q/folder").file("p/q/folder/y", "y");
        good(tar, format);
        EXPECT_EQ(text("p/q/file"), "file");
        EXPECT_EQ(fs::read_symlink(root + "/p/q/link"), "file");
        EXPECT_EQ(info("p/q/hard").st_ino, info("p/q/file").st_ino);
        EXPECT_TRUE(S_ISFIFO(info("p/q/node").st_mode));
        EXPECT_EQ(text("p/q/folder/y"), "y");
        EXPECT_FALSE(fs::exists(root + "/p/q/folder/x"));
    }
}

TEST_F(UnpackTest, AppliedWhiteoutsBelowFolders) {
    Tar lower;
    for (const char* name : {"p/q/one", "p/q/two", "p/r/one", "p/r/two"})
        lower.folder(name).file(std::string(name) + "/x", "x");
    good(lower, LayerFormat::applied);
    good(Tar()
             .folder("p/q")
             .file("p/q/.wh.one", "")
             .file("p/q/.wh.two", "")
             .file("p/q/new", "n")
             .folder("p/r")
             .file("p/r/.wh..wh..opq", "")
             .file("p/r/new", "n"),
         LayerFormat::applied);
    EXPECT_EQ(std::distance(fs::directory_iterator(root + "/p/q"), fs::directory_iterator()), 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(root + "/p/r"), fs::directory_iterator()), 1);
    EXPECT_EQ(text("p/q/new") + text("p/r/new"), "nn");
}

// More folders than are kept open.
TEST_F(UnpackTest, ManyFolders) {
    Tar tar;
    for (int at = 0; at < 400; ++at) tar.folder(fmt::format("d{}", at % 200)).file(fmt::format("d{}/f{}", at % 200, at), "x");
    for (int at = 0; at < 400; ++at)
        tar.hardlink(fmt::format("d{}/l{}", (at + 77) % 200, at), fmt::format("d{}/f{}", at % 200, at));
    good(tar);
    EXPECT_EQ(info("d0/f0").st_ino, info("d77/l0").st_ino);
    EXPECT_EQ(info("d199/f399").st_nlink, 2u);
}

TEST_F(UnpackTest, ParentsThroughLinksStayInside) {
    good(Tar()
             .folder("usr")
             .folder("usr/lib")
             .symlink("lib", "usr/lib")
             .file("lib/a", "a")
             .symlink("abs", "/usr/lib")
             .file("abs/b", "b")
             .hardlink("abs/c", "lib/a"));
    EXPECT_EQ(text("usr/lib/a"), "a");
    EXPECT_EQ(text("usr/lib/b"), "b");
    EXPECT_EQ(info("usr/lib/c").st_ino, info("usr/lib/a").st_ino);
}

TEST_F(UnpackTest, OverlayWhiteouts) {
    good(Tar()
             .folder("d")
             .file("d/.wh.gone", "")
             .folder("o")
             .file("o/.wh..wh..opq", "")
             .file("o/own", "x")
             .file(".wh..wh.plnk", "")
             .file("x/.wh.y", "")
             .file(".wh.back", "")
             .folder("back")
             .file("both", "own")
             .file(".wh.both", "")
             .folder("dir")
             .file(".wh.dir", "")
             .file(".wh.implied", "")
             .file("implied/file", "x")
             .file(".wh.again", "")
             .file(".wh.again", ""));
    EXPECT_TRUE(whiteout("d/gone"));
    EXPECT_TRUE(whiteout("x/y"));
    EXPECT_TRUE(whiteout("again"));
    EXPECT_TRUE(opaque("o"));
    EXPECT_EQ(text("o/own"), "x");
    EXPECT_FALSE(opaque("d"));
    EXPECT_TRUE(S_ISDIR(info("back").st_mode));
    EXPECT_TRUE(opaque("back")) << "a folder in the place of a whiteout hides what was below";
    EXPECT_EQ(text("both"), "own") << "a whiteout does not concern its own layer";
    EXPECT_TRUE(opaque("dir"));
    EXPECT_TRUE(opaque("implied"));
    EXPECT_FALSE(fs::exists(root + "/.wh..wh.plnk"));
}

TEST_F(UnpackTest, AppliedWhiteouts) {
    good(Tar()
             .file("gone", "x")
             .folder("tree")
             .file("tree/deep/file", "x")
             .folder("o")
             .file("o/lower", "x")
             .file("o/both", "lower")
             .folder("keep")
             .file("keep/lower", "x")
             .file("stays", "x"),
         LayerFormat::applied);
    good(Tar()
             .file(".wh.gone", "")
             .file(".wh.tree", "")
             .file("o/both", "own")
             .file("o/.wh..wh..opq", "")
             .file("o/own", "x")
             .file("keep/own", "x")
             .file(".wh.keep", "")
             .file(".wh.never", ""),
         LayerFormat::applied);
    EXPECT_FALSE(fs::exists(root + "/gone"));
    EXPECT_FALSE(fs::exists(root + "/tree"));
    EXPECT_FALSE(fs::exists(root + "/o/lower"));
    EXPECT_EQ(text("o/both"), "own");
    EXPECT_EQ(text("o/own"), "x");
    EXPECT_EQ(text("keep/own"), "x");
    EXPECT_FALSE(fs::exists(root + "/keep/lower"));
    EXPECT_EQ(text("stays"), "x");
    EXPECT_FALSE(fs::exists(root + "/.wh.gone"));
}

TEST_F(UnpackTest, HardLinksToFilesOfTheLayersBelow) {
    good(Tar().file("lower", "x"), LayerFormat::applied);
    good(Tar().hardlink("upper", "lower"), LayerFormat::applied);
    EXPECT_EQ(info("lower").st_ino, info("upper").st_ino);
}

TEST_F(UnpackTest, PiecesOfAnySize) {
    const std::string archive = Tar().pax({{"path", "long"}}).file("x", std::string(3000, 'd')).file("y", "y").text();
    for (const std::size_t piece : {1U, 7U, 511U, 513U, 100'000U}) {
        const std::string folder = scratch / std::to_string(piece);
        ASSERT_TRUE(unpack(archive, folder, LayerFormat::overlay, {}, piece).ok()) << piece;
        EXPECT_EQ(read_text(folder + "/long"), std::string(3000, 'd')) << piece;
    }
}

TEST_F(UnpackTest, EndsOfArchives) {
    const std::string archive = Tar().file("a", "x").text();
    EXPECT_TRUE(unpack(archive.substr(0, archive.size() - 512), root).ok()) << "one zero block";
    EXPECT_TRUE(unpack(archive.substr(0, archive.size() - 1024), root).ok()) << "none";
    EXPECT_TRUE(unpack(archive + std::string(10'240, '\0'), root).ok()) << "a tape's record";
    EXPECT_TRUE(unpack("", root).ok()) << "an empty layer";
    EXPECT_TRUE(unpack(std::string(1024, '\0'), root).ok());
    EXPECT_FALSE(unpack(Tar().file("a", std::string(400, 'x')).text().substr(0, 600), root).ok());
    EXPECT_FALSE(unpack(archive.substr(0, 100), root).ok());
}

}  // namespace
}  // namespace gantry::image::test
