// Archives that we write: read again by our own reader and unpacker, and by GNU tar.
#include "unpack_support.hpp"

#include "image/hasher.hpp"
#include "image/layer_tar.hpp"
#include "os/file.hpp"

#include <sys/sysmacros.h>

#include <cstdlib>

namespace gantry::image::test {
namespace {

TEST(ImageXattr, WhichAreTheImages) {
    for (const char* name : {"user.note", "security.capability", "system.posix_acl_access"}) EXPECT_TRUE(image_xattr(name));
    for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque", "security.selinux"})
        EXPECT_FALSE(image_xattr(name)) << name;
    // What the kernel would take for a shorter name.
    EXPECT_FALSE(image_xattr(std::string_view("user.a\0b", 8)));
    EXPECT_FALSE(image_xattr(std::string_view("user.overlay\0", 13)));
}

struct File {
    TarEntry entry;
    std::string data;
};

TarEntry made(TarType type, std::string path, std::uint32_t mode = 0644) {
    TarEntry entry;
    entry.type = type;
    entry.path = std::move(path);
    entry.mode = mode;
    entry.modified.seconds = 1'600'000'000;
    return entry;
}

File file(std::string path, std::string data, std::uint32_t mode = 0644) {
    File made_file{made(TarType::file, std::move(path), mode), std::move(data)};
    made_file.entry.size = made_file.data.size();
    return made_file;
}

std::string archive(const std::vector<File>& files) {
    std::string text;
    LayerTar tar([&](std::string_view piece) {
        text += piece;
        return Result<>();
    });
    for (const File& one : files) {
        const auto put = tar.entry(one.entry);
        EXPECT_TRUE(put.ok()) << one.entry.path << ": " << put.error().message();
        EXPECT_TRUE(tar.data(one.data).ok());
    }
    EXPECT_TRUE(tar.end().ok());
    EXPECT_EQ(text.size() % 512, 0U);
    return text;
}

TarEntry read_back(const std::string& text) {
    std::size_t at = 0;
    FunctionSource source([&](char* buffer, std::size_t size) -> Result<std::size_t> {
        const std::size_t count = std::min(size, text.size() - at);
        std::memcpy(buffer, text.data() + at, count);
        at += count;
        return count;
    });
    TarReader reader(source);
    auto entry = reader.next();
    EXPECT_TRUE(entry.ok()) << entry.error().message();
    EXPECT_TRUE(entry.ok() && entry->has_value());
    return entry.ok() && *entry ? **entry : TarEntry();
}

bool has_pax(const std::string& text) { return text[156] == 'x'; }

struct Case {
    const char* what;
    TarEntry entry;
    bool pax;
};

std::vector<Case> cases() {
    const auto with = [](TarEntry entry, const std::function<void(TarEntry&)>& change) {
        change(entry);
        return entry;
    };
    const TarEntry plain = made(TarType::file, "file");
    const std::string name100(100, 'a');
    const std::string split = std::string(150, 'd') + "/" + std::string(100, 'f');
    return {
        {"plain", plain, false},
        {"name of 100 bytes", made(TarType::file, name100), false},
        {"name of 101 bytes without a slash", made(TarType::file, name100 + "b"), true},
        {"name that ustar splits", made(TarType::file, split), false},
        {"longest that ustar splits", made(TarType::file, std::string(155, 'd') + "/" + name100), false},
        {"prefix too long", made(TarType::file, std::string(156, 'd') + "/" + name100), true},
        {"name over 255 bytes", made(TarType::file, std::string(200, 'd') + "/" + std::string(200, 'e') + "/f"), true},
        {"folder of 99 bytes", made(TarType::folder, std::string(99, 'a'), 0755), false},
        {"folder of 100 bytes", made(TarType::folder, name100, 0755), true},
        {"name that is not ASCII", made(TarType::file, "caf\xc3\xa9"), true},
        {"name that is not UTF-8", made(TarType::file, "caf\xe9"), true},
        {"name with a line break", made(TarType::file, "a\nb=c"), false},
        {"largest octal id", with(plain, [](TarEntry& e) { e.uid = e.gid = (1U << 21) - 1; }), false},
        {"user beyond octal", with(plain, [](TarEntry& e) { e.uid = 1U << 21; }), true},
        {"group beyond octal", with(plain, [](TarEntry& e) { e.gid = 4294967294U; }), true},
        {"set-id bits", with(plain, [](TarEntry& e) { e.mode = 07755; }), false},
        {"before 1970", with(plain, [](TarEntry& e) { e.modified.seconds = -5; }), true},
        {"after 2242", with(plain, [](TarEntry& e) { e.modified.seconds = 1LL << 33; }), true},
        {"link of 100 bytes", with(made(TarType::symbolic_link, "l", 0777), [&](TarEntry& e) { e.link = name100; }), false},
        {"link of 101 bytes", with(made(TarType::symbolic_link, "l", 0777), [&](TarEntry& e) { e.link = name100 + "b"; }),
         true},
        {"hard link", with(made(TarType::hard_link, "h"), [](TarEntry& e) { e.link = "file"; }), false},
        {"long hard link", with(made(TarType::hard_link, "h"), [&](TarEntry& e) { e.link = split; }), true},
        {"device", with(made(TarType::character, "null", 0666), [](TarEntry& e) { e.major = 1, e.minor = 3; }), false},
        {"device of a large number",
         with(made(TarType::block, "b", 0660), [](TarEntry& e) { e.major = 259, e.minor = 1U << 20; }), false},
        {"fifo", made(TarType::fifo, "pipe"), false},
        {"attribute", with(plain, [](TarEntry& e) { e.xattrs["user.note"] = std::string("a\0b=\n", 5); }), true},
    };
}

TEST(LayerTar, SaysEverythingAndUsesPaxOnlyWhereUstarCannot) {
    for (const Case& one : cases()) {
        SCOPED_TRACE(one.what);
        const std::string text = archive({{one.entry, ""}});
        EXPECT_EQ(has_pax(text), one.pax);
        const TarEntry back = read_back(text);
        EXPECT_EQ(back.type, one.entry.type);
        EXPECT_EQ(back.path, one.entry.path + (one.entry.type == TarType::folder ? "/" : ""));
        EXPECT_EQ(back.link, one.entry.link);
        EXPECT_EQ(back.mode, one.entry.mode);
        EXPECT_EQ(back.uid, one.entry.uid);
        EXPECT_EQ(back.gid, one.entry.gid);
        EXPECT_EQ(back.major, one.entry.major);
        EXPECT_EQ(back.minor, one.entry.minor);
        EXPECT_EQ(back.modified.seconds, one.entry.modified.seconds);
        EXPECT_EQ(back.modified.nanoseconds, 0U);
        EXPECT_FALSE(back.accessed.has_value());
        EXPECT_EQ(back.xattrs, one.entry.xattrs);
    }
}

TEST(LayerTar, SizesBeyondOctal) {
    std::string text;
    LayerTar tar([&](std::string_view piece) {
        text += piece;
        return Result<>();
    });
    TarEntry entry = made(TarType::file, "big");
    entry.size = 1ULL << 33;
    ASSERT_TRUE(tar.entry(entry).ok());
    EXPECT_TRUE(has_pax(text));
    EXPECT_EQ(read_back(text + std::string(1024, 'x')).size, 1ULL << 33);
}

TEST(LayerTar, FractionsOfASecondAndNamesOfUsersAreNotWritten) {
    TarEntry entry = made(TarType::file, "file");
    const std::string whole = archive({{entry, ""}});
    entry.modified.nanoseconds = 999'999'999;
    entry.accessed = TarTime{5, 5};
    EXPECT_EQ(archive({{entry, ""}}), whole);
    EXPECT_EQ(whole.substr(265, 64), std::string(64, '\0'));
}

TEST(LayerTar, AnEmptyArchiveIsTwoBlocks) { EXPECT_EQ(archive({}), std::string(1024, '\0')); }

TEST(LayerTar, RefusesWhatNoTarCanSay) {
    LayerTar tar([](std::string_view) { return Result<>(); });
    TarEntry named = made(TarType::file, "a");
    named.xattrs["user.a=b"] = "x";
    TarEntry large = made(TarType::file, "a");
    large.xattrs["user.a"] = std::string(2U << 20, 'x');
    for (const TarEntry& bad : {made(TarType::file, ""), made(TarType::file, std::string("a\0b", 3)),
                                made(TarType::symbolic_link, "l"), named, large}) {
        const auto put = tar.entry(bad);
        ASSERT_FALSE(put.ok());
        EXPECT_EQ(put.error().code(), Errc::invalid);
    }
    EXPECT_TRUE(tar.entry(file("f", "abc").entry).ok());
    EXPECT_FALSE(tar.data("abcd").ok());
    EXPECT_TRUE(tar.data("ab").ok());
    EXPECT_FALSE(tar.end().ok()) << "a byte is missing";
}

TEST(LayerTar, ASinkThatFailsEndsIt) {
    LayerTar tar([](std::string_view) -> Result<> { return error(Errc::no_space, "full"); });
    const auto put = tar.entry(made(TarType::file, "a"));
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code(), Errc::no_space);
}

std::vector<File> sample() {
    std::vector<File> files = {file("a.txt", "hello"), file("caf\xc3\xa9/" + std::string(200, 'x'), "deep"),
                               file("suid", std::string(1000, 's'), 04755)};
    files[0].entry.xattrs["user.note"] = "kept";
    files[0].entry.uid = 1U << 22;
    files.insert(files.begin() + 1, {made(TarType::folder, "caf\xc3\xa9", 01777), ""});
    File link{made(TarType::symbolic_link, "link", 0777), ""};
    link.entry.link = std::string(150, 'l');
    File hard{made(TarType::hard_link, "zhard"), ""};
    hard.entry.link = "a.txt";
    File null{made(TarType::character, "null", 0666), ""};
    null.entry.major = 1, null.entry.minor = 3;
    for (const File& one : {link, null, File{made(TarType::fifo, "pipe", 0600), ""}, hard}) files.push_back(one);
    return files;
}

using LayerTarUnpacked = UnpackTest;

void expect_sample(LayerTarUnpacked& test) {
    EXPECT_EQ(test.text("a.txt"), "hello");
    EXPECT_EQ(test.xattr("a.txt", "user.note"), "kept");
    EXPECT_EQ(test.info("a.txt").st_uid, 1U << 22);
    EXPECT_EQ(test.info("a.txt").st_ino, test.info("zhard").st_ino);
    EXPECT_EQ(test.info("a.txt").st_mtim.tv_sec, 1'600'000'000);
    EXPECT_EQ(test.info("caf\xc3\xa9").st_mode, S_IFDIR | 01777U);
    EXPECT_EQ(test.text("caf\xc3\xa9/" + std::string(200, 'x')), "deep");
    EXPECT_EQ(test.info("suid").st_mode, S_IFREG | 04755U);
    EXPECT_EQ(std::filesystem::read_symlink(test.root + "/link"), std::string(150, 'l'));
    EXPECT_EQ(test.info("null").st_mode, S_IFCHR | 0666U);
    EXPECT_EQ(test.info("null").st_rdev, makedev(1, 3));
    EXPECT_EQ(test.info("pipe").st_mode, S_IFIFO | 0600U);
}

TEST_F(LayerTarUnpacked, ByOurOwnUnpacker) {
    const auto done = unpack(archive(sample()), root);
    ASSERT_TRUE(done.ok()) << done.error().message();
    expect_sample(*this);
}

TEST_F(LayerTarUnpacked, ByGnuTar) {
    ASSERT_TRUE(os::write_file_atomic(scratch / "layer.tar", archive(sample())).ok());
    std::filesystem::create_directories(root);
    const std::string command = fmt::format("LC_ALL=C.UTF-8 tar --numeric-owner --same-owner -p --xattrs -C {} -xf {} 2>&1",
                                            root, scratch / "layer.tar");
    ASSERT_EQ(std::system(command.c_str()), 0);
    expect_sample(*this);
}

TEST(LayerTarBytes, AreTheSameForEver) {
    // A change of this digest is a change of every layer that is built again: say so in CHANGELOG.md.
    EXPECT_EQ(digest_of(archive(sample())).str(), "sha256:a2d10d48b9c1bc1652844937027e0c65b7fce26e9a28b80aa6210db91a36cd69");
}

}  // namespace
}  // namespace gantry::image::test
