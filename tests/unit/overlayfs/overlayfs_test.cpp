#include "storage_fixture.hpp"

#include "assembly.hpp"
#include "changes.hpp"
#include "layers.hpp"
#include "quota.hpp"

#include <sys/file.h>
#include <sys/resource.h>

using namespace gantry;
using namespace gantry::overlayfs;
using namespace gantry::testing_support;

namespace {

class Overlayfs : public StorageFixture {
protected:
    void SetUp() override { start("overlayfs"); }
    [[nodiscard]] std::string data() const { return folder_ + "/data/storage/overlayfs"; }
    Parts parts(int layers, bool writable) {
        Parts made{.mount_point = data() + "/mnt"};
        for (int number = 0; number < layers; ++number) {
            made.lowers.push_back(fmt::format("{}/l{}", folder_, number));
            put_folder(made.lowers.back());
            put(fmt::format("{}/{}", made.lowers.back(), number), "x");
        }
        if (!writable) return made;
        made.upper = folder_ + "/upper";
        made.work = folder_ + "/work";
        put_folder(made.upper);
        put_folder(made.work);
        return made;
    }
    void expect_files(os::Fd mount, std::size_t count) {
        GOT(os::attach_mount(mount.get(), AT_FDCWD, root()));
        mount.reset();
        EXPECT_EQ(GOT(os::list_dir(root())).size(), count);
        GOT(os::unmount(root()));
    }
};

TEST_F(Overlayfs, MountPointsComeFromASharedLowestLayer) {
    add_layer(1, [](const std::string& at) { put(at + "/file", "x"); });
    for (const char* container : {"one", "two"}) {
        auto wanted = request(container, {1});
        wanted.mount_points = {{"/proc", true}, {"/etc/hosts", false}};
        with_rootfs(wanted, [&] {
            EXPECT_EQ(text("/etc/hosts"), "");
            EXPECT_TRUE(GOT(os::list_dir(root() + "/proc")).empty());
        });
        EXPECT_TRUE(GOT(driver_->diff(container, {key(1)})).empty());
    }
    EXPECT_EQ(GOT(os::list_dir(data() + "/skeleton")).size(), 1U);
    auto wrong = request("three", {1});
    wrong.mount_points = {{"/../../etc/passwd", false}};
    EXPECT_FALSE(driver_->prepare(wrong).ok());
}

// Debian 12's kernel is 6.1: mount(2) with one page of options is all it has.
TEST_F(Overlayfs, OldKernelsTakeAHundredAndTwentyEightLayersToo) {
    expect_files(GOT(assemble_by_options(parts(128, true))), 128);
    expect_files(GOT(assemble_by_options(parts(128, false))), 128);
    expect_files(GOT(assemble_by_descriptor(parts(128, true))), 128);
}

TEST_F(Overlayfs, TooManyLayersForOnePageAreRefusedNotCutOff) {
    auto mount = assemble_by_options(parts(400, false));
    ASSERT_FALSE(mount.ok());
    EXPECT_THAT(mount.error().message(), testing::HasSubstr("400 layers"));
}

TEST_F(Overlayfs, FoldersWithSeparatorsAndLongNames) {
    const std::string odd = folder_ + "/a:b,c\\d";
    const std::string deep = folder_ + "/" + std::string(120, 'x') + "/" + std::string(120, 'y') + "/" + std::string(120, 'z');
    for (const auto& folder : {odd, deep}) {
        for (const char* part : {"/l", "/m", "/u", "/w"}) put_folder(folder + part);
        put(folder + "/l/file", "x");
        const Parts made{.lowers = {folder + "/l", folder + "/m"},
                         .upper = folder + "/u",
                         .work = folder + "/w",
                         .mount_point = data() + "/mnt"};
        expect_files(GOT(assemble_by_descriptor(made)), 1);
        expect_files(GOT(assemble_by_options(made)), 1);
    }
}

TEST_F(Overlayfs, AMountThatWouldSilentlyBeReadOnlyIsRefused) {
    Parts made = parts(1, true);
    // A view in which the caller's own ids do not exist: overlayfs cannot make its work folder.
    const auto view = GOT(IdmappedView::enter(folder_, {{0, 100000, 10}}, {{0, 100000, 10}}));
    setfsuid(0);
    auto mount = assemble(made);
    ASSERT_FALSE(mount.ok());
    EXPECT_THAT(mount.error().message(), testing::HasSubstr("cannot write to"));
}

TEST_F(Overlayfs, FoldersNestedWithoutEndAreAnErrorNotACrash) {
    const std::string upper = folder_ + "/upper";
    put_folder(upper);
    os::Fd at = GOT(os::open(upper, O_RDONLY | O_DIRECTORY));
    for (int depth = 0; depth < 1200; ++depth) {
        ASSERT_EQ(mkdirat(at.get(), "d", 0755), 0);
        at = GOT(os::open_at(at.get(), "d", O_RDONLY | O_DIRECTORY));
    }
    at.reset();
    const struct rlimit few { 1024, 1024 };  // what systemd gives a service
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_REFUSED(measure(upper), Errc::unsupported);
    EXPECT_REFUSED(changes(upper, {}), Errc::unsupported);
    EXPECT_GOOD(os::remove_tree(upper));  // a container must not be able to make itself irremovable
}

TEST_F(Overlayfs, SymbolicLinksInTheWritableLayerLeadNowhere) {
    const std::string upper = folder_ + "/upper";
    put_folder(upper);
    ASSERT_EQ(symlink("/", (upper + "/root").c_str()), 0);
    EXPECT_EQ(GOT(measure(upper)).inodes, 1U);
    EXPECT_EQ(GOT(changes(upper, {})).size(), 1U);
}

TEST_F(Overlayfs, RecoverRemovesDamagedLayersAndForeignThings) {
    add_layer(1);
    add_layer(2);
    GOT(os::remove_tree(data() + "/layers/" + key(1) + "/diff"));
    put(data() + "/staging/file", "x");
    put_folder(data() + "/trash/old/deep");
    EXPECT_EQ(GOT(driver_->recover(true)).size(), 3U);
    EXPECT_EQ(GOT(driver_->recover(false)).size(), 3U);
    EXPECT_THAT(GOT(driver_->recover(false)), testing::IsEmpty());
    EXPECT_THAT(GOT(driver_->layer_list()), testing::ElementsAre(key(2)));
}

TEST_F(Overlayfs, TheNextRemovalEndsWhatAKilledOneBegan) {
    add_layer(1);
    put_folder(data() + "/trash/old-0123/deep");
    put_folder(data() + "/trash/busy-4567/deep");
    const os::Fd busy = GOT(os::open(data() + "/trash/busy-4567", O_RDONLY | O_DIRECTORY));
    ASSERT_EQ(flock(busy.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_GOOD(driver_->layer_remove(key(1)));
    EXPECT_THAT(GOT(os::list_dir(data() + "/trash")), testing::ElementsAre("busy-4567"));
}

TEST_F(Overlayfs, ADamagedSizeIsSaid) {
    add_layer(1);
    put(data() + "/layers/" + key(1) + "/size", "12x\n");
    EXPECT_REFUSED(driver_->layer_size(key(1)), Errc::corrupt);
}

TEST_F(Overlayfs, ARepeatedLayerIsTakenOnce) {
    add_layer(1, [](const std::string& at) { put(at + "/file", "one"); });
    add_layer(2, [](const std::string& at) { put(at + "/file", "two"); });
    with_rootfs(request("web", {1, 2, 1}), [&] { EXPECT_EQ(text("/file"), "one"); });
}

}  // namespace
