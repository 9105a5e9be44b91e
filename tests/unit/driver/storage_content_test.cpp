// What drivers promise that really keep images' files. Needs root.
#include "storage_fixture.hpp"

using namespace gantry;
using namespace gantry::testing_support;
using testing::ElementsAre;

namespace {

class StorageContent : public StorageFixture, public testing::WithParamInterface<StorageCase> {
protected:
    void SetUp() override { start(GetParam().driver); }

    // 1: /etc/{motd,passwd}, /old/{a,b}, 2 above it: another motd, no passwd.
    void two_layers() {
        add_layer(1, [&](const std::string& at) {
            put_folder(at + "/etc");
            put_folder(at + "/old");
            put(at + "/etc/motd", "one");
            put(at + "/etc/passwd", "root");
            put(at + "/old/a", "a");
            put(at + "/old/b", "b");
        });
        add_layer(
            2,
            [&](const std::string& at) {
                put_folder(at + "/etc");
                put(at + "/etc/motd", "two");
                put_deletion(at + "/etc/passwd");
            },
            1);
    }
    std::vector<std::string> diff(const std::string& container, std::initializer_list<int> layers) {
        std::vector<std::string> lines;
        for (const auto& change : GOT(driver_->diff(container, request(container, layers).layers)))
            lines.push_back(fmt::format("{} {}", static_cast<char>(change.kind), change.path));
        return lines;
    }
};

TEST_P(StorageContent, UpperLayersHideLowerOnes) {
    two_layers();
    with_rootfs(request("web", {1, 2}), [&] {
        EXPECT_EQ(text("/etc/motd"), "two");
        EXPECT_EQ(text("/etc/passwd"), "(missing)");
        EXPECT_EQ(text("/old/a"), "a");
    });
    with_rootfs(request("other", {1}), [&] { EXPECT_EQ(text("/etc/motd"), "one"); });
}

TEST_P(StorageContent, WhatAContainerWritesStaysItsOwn) {
    two_layers();
    with_rootfs(request("web", {1, 2}), [&] {
        put(root() + "/etc/motd", "mine");
        put(root() + "/new", "new");
    });
    with_rootfs(request("web", {1, 2}), [&] {
        EXPECT_EQ(text("/etc/motd"), "mine");
        EXPECT_EQ(text("/new"), "new");
    });
    with_rootfs(request("other", {1, 2}), [&] {
        EXPECT_EQ(text("/etc/motd"), "two");
        EXPECT_EQ(text("/new"), "(missing)");
    });
    EXPECT_GOOD(driver_->teardown("web"));
    with_rootfs(request("web", {1, 2}), [&] { EXPECT_EQ(text("/etc/motd"), "two"); });
}

TEST_P(StorageContent, TheRootFolderHasTheImagesOwnerAndMode) {
    add_layer(1, [](const std::string& at) {
        ASSERT_EQ(chown(at.c_str(), 12, 34), 0);
        ASSERT_EQ(chmod(at.c_str(), 01751), 0);
    });
    with_rootfs(request("web", {1}), [&] {
        struct stat info {};
        ASSERT_EQ(stat(root().c_str(), &info), 0);
        EXPECT_EQ(info.st_uid, 12U);
        EXPECT_EQ(info.st_gid, 34U);
        EXPECT_EQ(info.st_mode & 07777, 01751U);
    });
}

TEST_P(StorageContent, DiffNamesEveryChangeOnce) {
    two_layers();
    with_rootfs(request("web", {1, 2}), [] {});
    EXPECT_THAT(diff("web", {1, 2}), testing::IsEmpty());
    with_rootfs(request("web", {1, 2}), [&] {
        put(root() + "/etc/motd", "mine");
        put_folder(root() + "/srv/deep");
        put(root() + "/srv/deep/file", "x");
        put(root() + "/etc/passwd", "back");  // deleted by layer 2: to the container it is new
        ASSERT_EQ(unlink((root() + "/old/a").c_str()), 0);
        ASSERT_EQ(symlink("/nowhere", (root() + "/link").c_str()), 0);
    });
    EXPECT_THAT(diff("web", {1, 2}), ElementsAre("C /etc", "C /etc/motd", "A /etc/passwd", "A /link", "C /old", "D /old/a",
                                                 "A /srv", "A /srv/deep", "A /srv/deep/file"));
}

TEST_P(StorageContent, DiffOfAReplacedFolderNamesWhatItLost) {
    two_layers();
    with_rootfs(request("web", {1, 2}), [&] {
        ASSERT_TRUE(os::remove_tree(root() + "/old").ok());
        put_folder(root() + "/old");
        put(root() + "/old/b", "again");
        ASSERT_TRUE(os::remove_tree(root() + "/etc").ok());
    });
    EXPECT_THAT(diff("web", {1, 2}), ElementsAre("D /etc", "C /old", "D /old/a", "C /old/b"));
}

TEST_P(StorageContent, StatusMeasuresTheWritableLayerOnly) {
    add_layer(1, [](const std::string& at) { put(at + "/big", std::string(1 << 20, 'x')); });
    with_rootfs(request("web", {1}), [&] {
        put(root() + "/file", std::string(10000, 'x'));
        ASSERT_EQ(link((root() + "/file").c_str(), (root() + "/again").c_str()), 0);
        const int sparse = open((root() + "/sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ASSERT_EQ(ftruncate(sparse, off_t{1} << 40), 0);
        close(sparse);
    });
    const auto status = GOT(driver_->status("web"));
    EXPECT_EQ(status.bytes, 10000U);
    EXPECT_EQ(status.inodes, 3U);
}

TEST_P(StorageContent, AHundredAndTwentyEightLayers) {
    driver::RootfsRequest wanted{.container = "deep"};
    for (int number = 0; number < 128; ++number) {
        add_layer(
            number,
            [&](const std::string& at) {
                put(fmt::format("{}/{}", at, number), "x");
                put(at + "/top", std::to_string(number));
            },
            number - 1);
        wanted.layers.push_back(key(number));
    }
    with_rootfs(wanted, [&] {
        EXPECT_EQ(text("/top"), "127");
        EXPECT_EQ(GOT(os::list_dir(root())).size(), 129U);
    });
    wanted.read_only = true;
    with_rootfs(wanted, [&] { EXPECT_EQ(text("/top"), "127"); });
}

TEST_P(StorageContent, MountPointsHideNothingAndAreNoChange) {
    add_layer(1, [](const std::string& at) {
        put_folder(at + "/etc");
        put(at + "/etc/hosts", "the image's");
    });
    auto wanted = request("web", {1});
    wanted.mount_points = {{"/proc", true}, {"/etc/hosts", false}, {"/etc/resolv.conf", false}};
    for (int start = 0; start < 2; ++start) {
        with_rootfs(wanted, [&] {
            EXPECT_EQ(text("/etc/hosts"), "the image's");
            const std::string resolver = text("/etc/resolv.conf");
            EXPECT_TRUE(resolver.empty() || resolver == "(missing)") << resolver;
        });
        EXPECT_THAT(diff("web", {1}), testing::IsEmpty());
    }
}

TEST_P(StorageContent, NoLayerAndOneLayerWritableAndNot) {
    add_layer(1, [](const std::string& at) { put(at + "/file", "x"); });
    for (const bool read_only : {true, false}) {
        auto none = request("none", {});
        none.read_only = read_only;
        with_rootfs(none, [&] { EXPECT_THAT(GOT(os::list_dir(root())), testing::IsEmpty()); });
        auto one = request("one", {1});
        one.read_only = read_only;
        with_rootfs(one, [&] { EXPECT_THAT(GOT(os::list_dir(root())), ElementsAre("file")); });
    }
}

TEST_P(StorageContent, AUserNamespaceSeesItsOwnOwnersAndTheDiskDoesNotChange) {
    add_layer(1, [](const std::string& at) {
        put(at + "/file", "x");
        ASSERT_EQ(chown((at + "/file").c_str(), 5, 7), 0);
    });
    auto wanted = request("web", {1});
    wanted.uid_map = wanted.gid_map = {{0, 100000, 65536}};
    const auto owner = [&](const char* path) {
        struct stat info {};
        return lstat((root() + path).c_str(), &info) == 0 ? fmt::format("{}:{}", info.st_uid, info.st_gid) : "missing";
    };
    with_rootfs(wanted, [&] {
        EXPECT_EQ(owner(""), "100000:100000");
        EXPECT_EQ(owner("/file"), "100005:100007");
        // As the container's root would: with its ids, and the capabilities that count for them.
        ASSERT_EQ(chown((root() + "/file").c_str(), 100009, 100009), 0);
    });
    // Another map another day, then none at all.
    wanted.uid_map = wanted.gid_map = {{0, 300000, 65536}};
    with_rootfs(wanted, [&] { EXPECT_EQ(owner("/file"), "300009:300009"); });
    with_rootfs(request("web", {1}), [&] { EXPECT_EQ(owner("/file"), "9:9"); });
    EXPECT_THAT(diff("web", {1}), ElementsAre("C /file"));
}

TEST_P(StorageContent, AMapOfUsersNeedsAMapOfGroups) {
    auto wanted = request("web", {});
    wanted.uid_map = {{0, 100000, 65536}};
    EXPECT_REFUSED(driver_->validate(wanted), Errc::invalid);
    EXPECT_REFUSED(driver_->prepare(wanted), Errc::invalid);
}

TEST_P(StorageContent, WritableFilesShowTheContainersOwnAndTheLayersBelow) {
    two_layers();
    EXPECT_REFUSED(driver_->writable_files("web", {key(1), key(2)}), Errc::not_found);
    with_rootfs(request("web", {1, 2}), [&] { put(root() + "/new", "new"); });
    EXPECT_REFUSED(driver_->writable_files("web", {key(1), key(7)}), Errc::not_found);
    EXPECT_REFUSED(driver_->writable_files("../web", {key(1)}), Errc::invalid);
    const auto files = GOT(driver_->writable_files("web", {key(1), key(2)}));
    EXPECT_EQ(GOT(os::read_file_at(files.folder.get(), "new")), "new");
    ASSERT_EQ(files.below.size(), 2U);
    EXPECT_EQ(GOT(os::read_file_at(files.below[0].get(), "etc/motd")), "two") << "topmost first";
    EXPECT_EQ(GOT(os::read_file_at(files.below[1].get(), "etc/motd")), "one");
}

TEST_P(StorageContent, TheFilesOfASingleLayer) {
    two_layers();
    const auto first = GOT(driver_->layer_files(key(1)));
    const auto second = GOT(driver_->layer_files(key(2)));
    EXPECT_EQ(GOT(os::read_file_at(first.get(), "etc/motd")), "one");
    EXPECT_EQ(GOT(os::read_file_at(second.get(), "etc/motd")), "two");
}

TEST_P(StorageContent, AnAdoptedLayerShowsWhatTheContainerShowed) {
    two_layers();
    with_rootfs(request("web", {1, 2}), [&] {
        put(root() + "/etc/motd", "mine");
        ASSERT_TRUE(os::remove_tree(root() + "/old").ok());
        put_folder(root() + "/old");
        put(root() + "/old/c", "c");
    });
    EXPECT_GOOD(driver_->layer_adopt("web", key(3), 5));
    EXPECT_EQ(GOT(driver_->layer_size(key(3))), 5U);
    for (const char* container : {"one", "two"})
        with_rootfs(request(container, {1, 2, 3}), [&] {
            EXPECT_EQ(text("/etc/motd"), "mine");
            EXPECT_EQ(text("/old/a"), "(missing)");
            EXPECT_EQ(text("/old/c"), "c");
            EXPECT_EQ(text("/etc/passwd"), "(missing)");
        });
}

TEST_P(StorageContent, ALayerThatIsThereWinsOverTheWritableOne) {
    two_layers();
    with_rootfs(request("web", {1}), [&] { put(root() + "/etc/motd", "mine"); });
    EXPECT_GOOD(driver_->layer_adopt("web", key(2), 5));
    EXPECT_EQ(GOT(driver_->layer_size(key(2))), 102U);
    EXPECT_FALSE(GOT(driver_->status("web")).exists);
    with_rootfs(request("other", {1, 2}), [&] { EXPECT_EQ(text("/etc/motd"), "two"); });
}

TEST_P(StorageContent, AdoptingNeedsAGoodKeyAndAWritableLayer) {
    two_layers();
    with_rootfs(request("web", {1}), [&] { put(root() + "/file", "x"); });
    EXPECT_REFUSED(driver_->layer_adopt("web", "../x", 5), Errc::invalid);
    EXPECT_REFUSED(driver_->layer_adopt("never", key(3), 5), Errc::not_found);
    EXPECT_TRUE(GOT(driver_->status("web")).exists);
    EXPECT_FALSE(GOT(driver_->layer_exists(key(3))));
    EXPECT_TRUE(GOT(driver_->recover(true)).empty());
}

INSTANTIATE_TEST_SUITE_P(Drivers, StorageContent, testing::Values(StorageCase{"overlayfs"}),
                         [](const auto& one) { return std::string(one.param.driver); });

}  // namespace
