// Needs root: every test works in a mount namespace of its own, in a child process.
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/userns.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gantry;

namespace {

// Runs body in a child with a private mount namespace; what it returns is printed and must be empty.
void in_mount_namespace(const std::function<std::string()>& body) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        std::string problem;
        if (auto done = os::unshare_mounts(); !done.ok()) problem = done.error().message();
        if (problem.empty()) problem = body();
        if (!problem.empty()) fmt::print(stderr, "in the child: {}\n", problem);
        _exit(problem.empty() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

#define WANT(expression) \
    if (auto&& got = (expression); !got.ok()) return std::string(#expression ": ") + got.error().message()

class MountNeedsRoot : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(geteuid(), 0U) << "these tests need root";
        char pattern[] = "/tmp/gantry-mount-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { EXPECT_TRUE(os::remove_tree(folder_).ok()); }
    std::string folder_;
};

TEST_F(MountNeedsRoot, DetachedTmpfsIsAttachedAndSeen) {
    in_mount_namespace([&]() -> std::string {
        auto fs = os::FsContext::open("tmpfs");
        WANT(fs);
        WANT(fs->set("size", "1m"));
        auto mount = fs->mount(MOUNT_ATTR_NOSUID);
        WANT(mount);
        WANT(os::attach_mount(mount->get(), AT_FDCWD, folder_));
        WANT(os::write_file_atomic(folder_ + "/file", "x"));
        mount->reset();  // the descriptor keeps the mount busy
        WANT(os::unmount(folder_));
        return os::path_exists(folder_ + "/file") ? "the file survived its file system" : "";
    });
    EXPECT_FALSE(os::path_exists(folder_ + "/file"));
}

TEST_F(MountNeedsRoot, ErrorsCarryTheFileSystemsOwnWords) {
    auto fs = os::FsContext::open("overlay");
    ASSERT_TRUE(fs.ok()) << fs.error().message();
    auto set = fs->set("no_such_key", "1");
    ASSERT_FALSE(set.ok());
    EXPECT_EQ(set.error().sys(), EINVAL);
    EXPECT_NE(set.error().message().find("no_such_key"), std::string::npos);
    EXPECT_FALSE(os::FsContext::open("nosuchfs").ok());
}

TEST_F(MountNeedsRoot, EnterRootLeavesNothingOfTheOldOne) {
    in_mount_namespace([&]() -> std::string {
        auto fs = os::FsContext::open("tmpfs");
        WANT(fs);
        auto mount = fs->mount();
        WANT(mount);
        WANT(os::attach_mount(mount->get(), AT_FDCWD, folder_));
        WANT(os::enter_root(mount->get()));
        auto names = os::list_dir("/");
        WANT(names);
        return names->empty() ? "" : "the old root is still there";
    });
}

TEST_F(MountNeedsRoot, IdmappedCloneShiftsOwners) {
    in_mount_namespace([&]() -> std::string {
        WANT(os::write_file_atomic(folder_ + "/file", "x"));
        auto map = os::make_user_namespace({{0, 100000, 65536}}, {{0, 200000, 65536}});
        WANT(map);
        auto tree = os::clone_mount(AT_FDCWD, folder_, false);
        WANT(tree);
        WANT(os::change_mount(tree->get(), "", {.set = MOUNT_ATTR_IDMAP, .user_namespace = map->get()}, false, "idmap"));
        struct stat info {};
        if (fstatat(tree->get(), "file", &info, 0) != 0) return "stat failed";
        return info.st_uid == 100000 && info.st_gid == 200000 ? "" : fmt::format("owner {}:{}", info.st_uid, info.st_gid);
    });
}

TEST_F(MountNeedsRoot, AMapThatOverlapsIsRefusedAndNoProcessIsLeft) {
    auto map = os::make_user_namespace({{0, 1000, 10}, {5, 2000, 10}}, {{0, 1000, 10}});
    ASSERT_FALSE(map.ok());
    EXPECT_NE(map.error().message().find("uid_map"), std::string::npos);
    EXPECT_EQ(waitpid(-1, nullptr, __WALL | WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
