// Driver tests work on mounts and interfaces: in namespaces of their own, so that nothing of the machine is touched.
#include "os/mount.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdio>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (!testing::GTEST_FLAG(list_tests)) {
        auto mounts = gantry::os::unshare_mounts();
        if (!mounts.ok()) {
            std::fprintf(stderr, "driver tests need root: %s\n", mounts.error().message().c_str());
            return 1;
        }
        if (unshare(CLONE_NEWNET) != 0) {
            std::perror("driver tests need a network namespace");
            return 1;
        }
    }
    return RUN_ALL_TESTS();
}
