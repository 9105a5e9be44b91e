#include "sandbox/seccomp.hpp"

#include "os/file.hpp"

#include <gtest/gtest.h>

#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sched.h>

namespace gantry::sandbox {

// What a process under the filter gets: 0 or errno of each probe, as its exit status.
int under(const Filter& filter, int (*probe)()) {
    const pid_t child = fork();
    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !install_filter(filter).ok()) _exit(250);
        _exit(probe());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 251;
}

int probe_unshare() { return unshare(CLONE_NEWUTS) == 0 ? 0 : errno; }
int probe_clone3() { return syscall(SYS_clone3, nullptr, 0) == 0 ? 0 : errno; }
int probe_getpid() { return getpid() > 0 ? 0 : 1; }
int probe_vsock() { return syscall(SYS_socket, 40, 1, 0) >= 0 ? 0 : errno; }

TEST(Seccomp, DefaultAllowsOrdinaryAndRefusesTheRest) {
    const Filter filter = *compile_filter(default_profile(), default_capabilities());
    EXPECT_EQ(under(filter, probe_getpid), 0);
    EXPECT_EQ(under(filter, probe_unshare), EPERM);
    EXPECT_EQ(under(filter, probe_clone3), ENOSYS);
    EXPECT_EQ(under(filter, probe_vsock), EPERM);
}

TEST(Seccomp, RulesFollowCapabilities) {
    const Filter filter = *compile_filter(default_profile(), ~CapSet{0});
    EXPECT_NE(under(filter, probe_clone3), ENOSYS);
    EXPECT_NE(filter.program, compile_filter(default_profile(), 0)->program);
}

TEST(Seccomp, BrokenProfilesSayWhat) {
    EXPECT_FALSE(compile_filter("[]", 0).ok());
    EXPECT_FALSE(compile_filter("{", 0).ok());
    const auto action = compile_filter(R"({"defaultAction": "SCMP_ACT_PERHAPS"})", 0);
    ASSERT_FALSE(action.ok());
    EXPECT_NE(action.error().message().find("SCMP_ACT_PERHAPS"), std::string::npos);
    EXPECT_FALSE(
        compile_filter(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
        "includes": {"kernel": "4"}}]})",
                       0)
            .ok());
}

class SeccompCache : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-seccomp-XXXXXX";
        folder = mkdtemp(name);
    }
    void TearDown() override { ASSERT_TRUE(os::remove_tree(folder).ok()); }
    std::string folder;
};

TEST_F(SeccompCache, IsUsedAndNotTrustedBlindly) {
    const std::string cache = folder + "/cache";
    const Filter first = *load_filter(cache, "default", default_capabilities());
    const auto names = *os::list_dir(cache);
    ASSERT_EQ(names.size(), 1U);
    const std::string entry = cache + "/" + names[0];
    const std::string good = *os::read_file(entry);

    std::string poisoned = good;
    poisoned.back() = static_cast<char>(poisoned.back() ^ 1);
    ASSERT_TRUE(os::write_file_atomic(entry, poisoned, 0600, false).ok());
    EXPECT_EQ(load_filter(cache, "default", default_capabilities())->program, first.program);
    EXPECT_EQ(*os::read_file(entry), good);  // written anew

    // A filter for other capabilities under this one's name is not taken either.
    ASSERT_TRUE(load_filter(cache, "default", 0).ok());
    const auto both = *os::list_dir(cache);
    ASSERT_EQ(both.size(), 2U);
    ASSERT_TRUE(os::rename(cache + "/" + (both[0] == names[0] ? both[1] : both[0]), entry).ok());
    EXPECT_EQ(load_filter(cache, "default", default_capabilities())->program, first.program);
}

TEST_F(SeccompCache, FolderThatOthersCanWriteIsNotUsed) {
    const std::string cache = folder + "/cache";
    ASSERT_EQ(mkdir(cache.c_str(), 0700), 0);
    ASSERT_EQ(chmod(cache.c_str(), 0777), 0);
    ASSERT_TRUE(load_filter(cache, "default", 0).ok());
    EXPECT_TRUE(os::list_dir(cache)->empty());
}

}  // namespace gantry::sandbox
