#include "sandbox/user.hpp"

#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace gantry::sandbox {

class ResolveUser : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-user-XXXXXX";
        folder = mkdtemp(name);
        ASSERT_TRUE(os::make_dirs(folder + "/etc").ok());
        write("passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/false\nbroken\n1000:x:7:7::/seven:\n");
        write("group", "root:x:0:\nweb:x:33:\nlogs:x:40:web,other\nstaff:x:50:web\n");
        root = os::open(folder, O_PATH | O_DIRECTORY).value();
    }
    void TearDown() override { ASSERT_TRUE(os::remove_tree(folder).ok()); }
    void write(const std::string& name, const std::string& text) {
        ASSERT_TRUE(os::write_file_atomic(folder + "/etc/" + name, text, 0644, false).ok());
    }
    std::string folder;
    os::Fd root;
};

TEST_F(ResolveUser, NameHasItsGroups) {
    const Identity who = *resolve_user(root.get(), "web", {});
    EXPECT_EQ(who.uid, 33U);
    EXPECT_EQ(who.gid, 33U);
    EXPECT_EQ(who.home, "/srv");
    EXPECT_THAT(who.groups, testing::ElementsAre(40, 50));
}

TEST_F(ResolveUser, GivenGroupReplacesThem) {
    const Identity who = *resolve_user(root.get(), "web:staff", {"1234", "logs"});
    EXPECT_EQ(who.gid, 50U);
    EXPECT_THAT(who.groups, testing::ElementsAre(40, 1234));
}

TEST_F(ResolveUser, NumbersNeedNoEntryNamesDo) {
    const Identity who = *resolve_user(root.get(), "4242:4343", {});
    EXPECT_EQ(who.uid, 4242U);
    EXPECT_EQ(who.gid, 4343U);
    EXPECT_EQ(who.home, "/");
    EXPECT_FALSE(resolve_user(root.get(), "nobody-here", {}).ok());
    EXPECT_FALSE(resolve_user(root.get(), "web:nogroup", {}).ok());
    EXPECT_FALSE(resolve_user(root.get(), "4294967295", {}).ok());
    EXPECT_FALSE(resolve_user(root.get(), "-1", {}).ok());
    EXPECT_EQ(resolve_user(root.get(), "1000", {})->uid, 7U);
    EXPECT_EQ(resolve_user(root.get(), "", {})->home, "/root");
}

TEST_F(ResolveUser, LinksStayInside) {
    ASSERT_EQ(unlink((folder + "/etc/passwd").c_str()), 0);
    ASSERT_EQ(symlink("/../../../../etc/passwd", (folder + "/etc/passwd").c_str()), 0);
    // It resolves to itself inside the root: a loop, so nobody is known.
    EXPECT_FALSE(resolve_user(root.get(), "daemon", {}).ok());
    ASSERT_EQ(unlink((folder + "/etc/group").c_str()), 0);
    ASSERT_EQ(mkfifo((folder + "/etc/group").c_str(), 0600), 0);
    EXPECT_TRUE(resolve_user(root.get(), "5", {}).ok());
}

}  // namespace gantry::sandbox
