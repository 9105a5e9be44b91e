#include "sandbox/capabilities.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace gantry::sandbox {

constexpr CapSet bit(int one) { return CapSet{1} << one; }

TEST(Capabilities, NamesWithAndWithoutPrefix) {
    EXPECT_EQ(*parse_capability("NET_ADMIN"), CAP_NET_ADMIN);
    EXPECT_EQ(*parse_capability("cap_net_admin"), CAP_NET_ADMIN);
    EXPECT_EQ(capability_name(CAP_BPF), "CAP_BPF");
    const auto wrong = parse_capability("NET_ADMN");
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message().find("NET_ADMIN"), std::string::npos);
}

TEST(Capabilities, DropAllThenAddOne) {
    EXPECT_EQ(*capability_set({"CHOWN"}, {"ALL"}, false), bit(CAP_CHOWN) & all_capabilities());
}

TEST(Capabilities, AddAllWithoutOne) {
    EXPECT_EQ(*capability_set({"ALL"}, {"SYS_ADMIN"}, false), all_capabilities() & ~bit(CAP_SYS_ADMIN));
}

TEST(Capabilities, DefaultWithoutSysAdmin) {
    const CapSet set = *capability_set({}, {"MKNOD"}, false);
    EXPECT_FALSE(set & bit(CAP_SYS_ADMIN));
    EXPECT_FALSE(set & bit(CAP_MKNOD));
    EXPECT_TRUE(set & bit(CAP_CHOWN));
}

}  // namespace gantry::sandbox
