// Layers made of what a container wrote, on a real overlayfs.
#include "storage_fixture.hpp"

#include "image/compose.hpp"
#include "image/ingest.hpp"
#include "image/store.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace gantry;
using namespace gantry::testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

namespace fs = std::filesystem;

std::string attributes(const std::string& path) {
    char names[4096];
    std::string text;
    const ssize_t length = llistxattr(path.c_str(), names, sizeof names);
    std::map<std::string, std::string> sorted;
    for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
        char value[4096];
        const ssize_t size = lgetxattr(path.c_str(), names + at, value, sizeof value);
        sorted[names + at] = std::string(value, size < 0 ? 0 : static_cast<std::size_t>(size));
    }
    for (const auto& [name, value] : sorted) text += fmt::format(" {}={}", name, value.size());
    return text;
}

class LayerOfChanges : public StorageFixture {
protected:
    void SetUp() override {
        start("overlayfs");
        config::Paths paths;
        paths.data = folder_ + "/engine";
        store_.emplace(GOT(image::Store::open(paths, *driver_)));
        held_ = GOT(store_->hold());
        two_layers();
    }
    void two_layers() {
        add_layer(1, [&](const std::string& at) {
            put_folder(at + "/etc");
            put_folder(at + "/old/sub");
            put_folder(at + "/gone");
            put(at + "/etc/motd", "one");
            put(at + "/etc/passwd", "root");
            put(at + "/old/a", "a");
            put(at + "/old/sub/b", "b");
            put(at + "/linked", "linked");
        });
        add_layer(
            2,
            [&](const std::string& at) {
                put_folder(at + "/etc");
                put_deletion(at + "/etc/passwd");
            },
            1);
    }
    driver::RootfsRequest two(const std::string& container) {
        auto made = request(container, {1, 2});
        made.mount_points = {{"/proc", true}, {"/etc/hosts", false}, {"/run/deep", true}};
        return made;
    }
    // Everything that a container can do to its files.
    void change_much(const std::string& container) {
        with_rootfs(two(container), [&] {
            put(root() + "/etc/motd", "mine");
            put(root() + "/etc/passwd", "back");
            ASSERT_EQ(unlink((root() + "/linked").c_str()), 0);
            ASSERT_TRUE(os::remove_tree(root() + "/old").ok());
            put_folder(root() + "/old");
            put(root() + "/old/new", "new");
            ASSERT_TRUE(os::remove_tree(root() + "/gone").ok());
            put(root() + "/gone", "a file now");
            put_folder(root() + "/srv/deep");
            put(root() + "/srv/deep/file", std::string(300000, 'x'));
            ASSERT_EQ(link((root() + "/srv/deep/file").c_str(), (root() + "/again").c_str()), 0);
            ASSERT_EQ(symlink("/nowhere", (root() + "/link").c_str()), 0);
            ASSERT_EQ(mkfifo((root() + "/pipe").c_str(), 0600), 0);
            ASSERT_EQ(mknod((root() + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
            ASSERT_EQ(mknod((root() + "/socket").c_str(), S_IFSOCK | 0600, 0), 0);
            put(root() + "/tool", "program");
            ASSERT_EQ(chown((root() + "/tool").c_str(), 3000000, 12), 0);
            ASSERT_EQ(chmod((root() + "/tool").c_str(), 06755), 0);
            const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
            ASSERT_EQ(setxattr((root() + "/tool").c_str(), "security.capability", capability.data(), 20, 0), 0);
            ASSERT_EQ(setxattr((root() + "/tool").c_str(), "user.note", "n", 1, 0), 0);
            put_folder(root() + "/etc/hosts.d");
            ASSERT_EQ(unlink((root() + "/etc/hosts").c_str()), 0);  // what only the start showed
            put(root() + "/run/file", "x");
        });
    }
    std::string tree(const std::string& at) {
        std::vector<std::string> lines;
        for (const auto& item : fs::recursive_directory_iterator(at)) {
            struct stat info {};
            EXPECT_EQ(lstat(item.path().c_str(), &info), 0);
            std::string line = fmt::format("{} {:o} {}:{} {}.{} n{} r{}", item.path().string().substr(at.size()), info.st_mode,
                                           info.st_uid, info.st_gid, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                                           S_ISDIR(info.st_mode) || is_whiteout(info) ? 0 : info.st_nlink, info.st_rdev);
            if (is_whiteout(info)) line = item.path().string().substr(at.size()) + " whiteout";
            if (S_ISLNK(info.st_mode)) line += " -> " + fs::read_symlink(item.path()).string();
            if (S_ISREG(info.st_mode)) line += " = " + os::read_file(item.path()).value_or("?").substr(0, 40);
            lines.push_back(line + attributes(item.path()));
        }
        std::ranges::sort(lines);
        return fmt::format("{}", fmt::join(lines, "\n"));
    }
    static bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }
    [[nodiscard]] std::string layer_folder(const image::NewLayer& layer) const {
        return fmt::format("{}/data/storage/overlayfs/layers/{}/diff", folder_, layer.diff_id.hex());
    }
    std::vector<std::string> members(const image::NewLayer& layer) {
        const std::string command = fmt::format("tar -tzf {}", store_->blob_path(layer.blob.digest));
        std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
        std::vector<std::string> names;
        char line[4096];
        while (fgets(line, sizeof line, pipe.get())) names.emplace_back(line, std::strlen(line) - 1);
        return names;
    }
    const std::vector<driver::LayerKey> below_ = {key(1), key(2)};
    std::optional<image::Store> store_;
    os::Fd held_;
};

TEST_F(LayerOfChanges, HasWhatTheContainerChangedAndNothingElse) {
    change_much("web");
    const auto layer = GOT(layer_of_changes(*store_, "web", below_));
    EXPECT_FALSE(layer.empty);
    EXPECT_THAT(members(layer), ElementsAre("again", "etc/", "etc/hosts.d/", "etc/motd", "etc/passwd", "gone", "link",
                                            ".wh.linked", "null", "old/", "old/.wh..wh..opq", "old/new", "pipe", "run/",
                                            "run/file", "srv/", "srv/deep/", "srv/deep/file", "tool"));
    EXPECT_EQ(layer.size, 300000U + 4 + 4 + 10 + 3 + 1 + 7);
    EXPECT_EQ(GOT(driver_->layer_size(std::string(layer.diff_id.hex()))), layer.size);
    EXPECT_TRUE(GOT(driver_->status("web")).exists) << "the container keeps its own";
}

TEST_F(LayerOfChanges, OnTopOfTheSameLayersShowsWhatTheContainerShowed) {
    change_much("web");
    const auto layer = GOT(layer_of_changes(*store_, "web", below_, {.consume = true}));
    auto wanted = request("next", {1, 2});
    wanted.layers.emplace_back(layer.diff_id.hex());
    with_rootfs(wanted, [&] {
        EXPECT_EQ(text("/etc/motd"), "mine");
        EXPECT_EQ(text("/etc/passwd"), "back");
        EXPECT_EQ(text("/linked"), "(missing)");
        EXPECT_EQ(text("/old/a"), "(missing)");
        EXPECT_EQ(text("/old/sub/b"), "(missing)");
        EXPECT_EQ(text("/old/new"), "new");
        EXPECT_EQ(text("/gone"), "a file now");
        EXPECT_EQ(text("/again").size(), 300000U);
    });
    EXPECT_FALSE(GOT(driver_->status("web")).exists) << "the writable layer is the layer now";
    EXPECT_TRUE(GOT(driver_->recover(true)).empty());
}

TEST_F(LayerOfChanges, ConsumedIsWhatUnpackingTheBlobGives) {
    change_much("web");
    const auto unpacked = GOT(layer_of_changes(*store_, "web", below_));
    const std::string from_blob = tree(layer_folder(unpacked));
    EXPECT_THAT(from_blob, HasSubstr("/old 40755 0:0"));
    EXPECT_THAT(from_blob, HasSubstr("trusted.overlay.opaque"));
    EXPECT_GOOD(driver_->layer_remove(std::string(unpacked.diff_id.hex())));
    const auto consumed = GOT(layer_of_changes(*store_, "web", below_, {.consume = true}));
    EXPECT_EQ(consumed.diff_id, unpacked.diff_id);
    EXPECT_EQ(consumed.blob, unpacked.blob);
    EXPECT_EQ(consumed.size, unpacked.size);
    EXPECT_EQ(tree(layer_folder(consumed)), from_blob);
    EXPECT_FALSE(os::path_exists(layer_folder(consumed) + "/socket"));
}

TEST_F(LayerOfChanges, AClampHoldsInTheBlobAndOnDisk) {
    change_much("web");
    const auto layer = GOT(layer_of_changes(*store_, "web", below_, {.clamp = 1'000'000'000, .consume = true}));
    for (const auto& item : fs::recursive_directory_iterator(layer_folder(layer))) {
        struct stat info {};
        ASSERT_EQ(lstat(item.path().c_str(), &info), 0);
        if (!is_whiteout(info)) {
            EXPECT_EQ(info.st_mtim.tv_sec, 1'000'000'000) << item.path();
        }
    }
    // The same changes of another container at another time give the same layer: it is there, so the writable layer just goes.
    change_much("other");
    const auto again = GOT(layer_of_changes(*store_, "other", below_, {.clamp = 1'000'000'000, .consume = true}));
    EXPECT_EQ(again.diff_id, layer.diff_id);
    EXPECT_EQ(again.blob, layer.blob);
    EXPECT_TRUE(GOT(driver_->list()).empty());
}

TEST_F(LayerOfChanges, NothingChangedIsAnEmptyLayer) {
    with_rootfs(two("web"), [] {});
    for (const char* container : {"web", "never-started"}) {
        const auto layer = GOT(layer_of_changes(*store_, container, below_));
        EXPECT_TRUE(layer.empty) << container;
        EXPECT_EQ(layer.size, 0U);
        // sha256 of 1024 zeros, Docker's empty layer.
        EXPECT_EQ(layer.diff_id.str(), "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
        EXPECT_TRUE(GOT(driver_->layer_exists(std::string(layer.diff_id.hex()))));
    }
}

TEST_F(LayerOfChanges, TheRootsOwnerAndModeComeAlong) {
    with_rootfs(two("web"), [&] { ASSERT_EQ(chmod(root().c_str(), 0711), 0); });
    const auto layer = GOT(layer_of_changes(*store_, "web", below_));
    EXPECT_FALSE(layer.empty);
    EXPECT_THAT(members(layer), ElementsAre("./"));
    auto wanted = request("next", {1, 2});
    wanted.layers.emplace_back(layer.diff_id.hex());
    with_rootfs(wanted, [&] {
        struct stat info {};
        ASSERT_EQ(stat(root().c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 07777, 0711U);
    });
}

TEST_F(LayerOfChanges, NamesOfWhiteoutsAreRefusedAndNothingIsLeft) {
    with_rootfs(two("web"), [&] { put(root() + "/etc/.wh.motd", "x"); });
    const auto before = GOT(driver_->layer_list());
    auto layer = layer_of_changes(*store_, "web", below_, {.consume = true});
    ASSERT_FALSE(layer.ok());
    EXPECT_EQ(layer.error().code(), Errc::invalid);
    EXPECT_THAT(layer.error().message(), HasSubstr("'/etc/.wh.motd'"));
    EXPECT_EQ(GOT(driver_->layer_list()), before);
    EXPECT_TRUE(GOT(os::list_dir(store_->paths().images() + "/partial")).empty());
    EXPECT_TRUE(GOT(os::list_dir(store_->paths().images() + "/blobs/sha256")).empty());
    EXPECT_TRUE(GOT(driver_->status("web")).exists);
}

TEST_F(LayerOfChanges, FoldersNestedWithoutEndAreAnError) {
    with_rootfs(two("web"), [&] {
        os::Fd at = GOT(os::open(root(), O_RDONLY | O_DIRECTORY));
        for (int depth = 0; depth < 600; ++depth) {
            ASSERT_EQ(mkdirat(at.get(), "d", 0755), 0);
            at = GOT(os::open_at(at.get(), "d", O_RDONLY | O_DIRECTORY));
        }
    });
    EXPECT_REFUSED(layer_of_changes(*store_, "web", below_), Errc::unsupported);
}

TEST_F(LayerOfChanges, GivenUpLeavesNothing) {
    change_much("web");
    const std::atomic<bool> cancel = true;
    EXPECT_REFUSED(layer_of_changes(*store_, "web", below_, {.cancel = &cancel}), Errc::cancelled);
    EXPECT_TRUE(GOT(os::list_dir(store_->paths().images() + "/partial")).empty());
}

TEST_F(LayerOfChanges, AMissingLayerBelowIsNamed) {
    with_rootfs(two("web"), [] {});
    auto layer = layer_of_changes(*store_, "web", {key(1), key(7)});
    ASSERT_FALSE(layer.ok());
    EXPECT_THAT(layer.error().message(), HasSubstr(key(7)));
}

TEST_F(LayerOfChanges, CompressionsDifferInTheBlobOnly) {
    change_much("web");
    const auto gzip = GOT(layer_of_changes(*store_, "web", below_));
    const auto zstd = GOT(layer_of_changes(*store_, "web", below_, {.compression = image::Compression::zstd}));
    const auto none = GOT(layer_of_changes(*store_, "web", below_, {.compression = image::Compression::none}));
    EXPECT_EQ(gzip.diff_id, zstd.diff_id);
    EXPECT_EQ(gzip.diff_id, none.diff_id);
    EXPECT_EQ(none.blob.digest, none.diff_id);
    EXPECT_EQ(zstd.blob.media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
    EXPECT_EQ(none.blob.media_type, "application/vnd.oci.image.layer.v1.tar");
}

TEST_F(LayerOfChanges, AnArchiveIsALayerAsItStands) {
    change_much("web");
    const auto layer = GOT(layer_of_changes(*store_, "web", below_));
    const os::Fd blob = GOT(store_->open_blob(layer.blob.digest));
    image::FileSource source(blob.get(), "blob", 0, layer.blob.size);
    const auto imported = GOT(layer_of_tar(*store_, source, "", {.compression = image::Compression::zstd}));
    EXPECT_EQ(imported.diff_id, layer.diff_id);
    EXPECT_EQ(imported.size, layer.size);
    for (const std::string_view bad :
         {std::string_view(""), std::string_view("hello, world"), std::string_view("\x1f\x8b..", 4)}) {
        bool given = false;
        image::FunctionSource text([&](char* buffer, std::size_t) -> Result<std::size_t> {
            if (std::exchange(given, true)) return std::size_t{0};
            std::memcpy(buffer, bad.data(), bad.size());
            return bad.size();
        });
        const auto blobs = GOT(os::list_dir(store_->paths().images() + "/blobs/sha256"));
        EXPECT_FALSE(layer_of_tar(*store_, text, "").ok()) << bad;
        EXPECT_EQ(GOT(os::list_dir(store_->paths().images() + "/blobs/sha256")), blobs);
        EXPECT_TRUE(GOT(os::list_dir(store_->paths().images() + "/partial")).empty());
    }
}

}  // namespace
