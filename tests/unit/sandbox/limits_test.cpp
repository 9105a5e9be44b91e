#include "sandbox/limits.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

namespace gantry::sandbox {

TEST(Limits, NamesAsPrlimit) {
    EXPECT_EQ(*parse_resource("nofile"), RLIMIT_NOFILE);
    const auto wrong = parse_resource("nofiles");
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message().find("'nofile'"), std::string::npos);
}

TEST(Sysctl, OnlyWhatIsTheContainersOwn) {
    const OwnNamespaces all{};
    EXPECT_TRUE(check_sysctl("net.ipv4.ip_forward", all).ok());
    EXPECT_TRUE(check_sysctl("kernel.shmmax", all).ok());
    EXPECT_TRUE(check_sysctl("fs.mqueue.msg_max", all).ok());
    EXPECT_FALSE(check_sysctl("kernel.core_pattern", all).ok());
    EXPECT_FALSE(check_sysctl("vm.overcommit_memory", all).ok());
    EXPECT_FALSE(check_sysctl("net/../kernel/core_pattern", all).ok());
    EXPECT_FALSE(check_sysctl("net.ipv4.ip_forward", {.net = false}).ok());
    EXPECT_FALSE(check_sysctl("kernel.shmmax", {.ipc = false}).ok());
    EXPECT_FALSE(check_sysctl("", all).ok());
}

}  // namespace gantry::sandbox
