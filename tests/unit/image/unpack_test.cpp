// What well-meant layers must become; hostile_tar_test.cpp has the others. Here: what an archive can hold.
#include "unpack_support.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace gantry::image::test {
namespace {

using driver::LayerFormat;
namespace fs = std::filesystem;

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

TEST_F(UnpackTest, ManyFolders) {
    Tar tar;
    for (int at = 0; at < 400; ++at) tar.folder(fmt::format("d{}", at % 200)).file(fmt::format("d{}/f{}", at % 200, at), "x");
    for (int at = 0; at < 400; ++at)
        tar.hardlink(fmt::format("d{}/l{}", (at + 77) % 200, at), fmt::format("d{}/f{}", at % 200, at));
    good(tar);
    EXPECT_EQ(info("d0/f0").st_ino, info("d77/l0").st_ino);
    EXPECT_EQ(info("d199/f399").st_nlink, 2u);
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
