#include "os/file.hpp"
#include "os/lock.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <thread>

using namespace gantry;

TEST(LockName, one_owner_a_name_and_none_for_another) {
    const std::string file = fmt::format("/tmp/gantry-lock-test-{}", getpid());
    {
        auto web = os::lock_name(file, "web");
        ASSERT_TRUE(web.ok()) << web.error().message();
        auto again = os::lock_name(file, "web", false);
        ASSERT_FALSE(again.ok());
        EXPECT_EQ(again.error().code(), Errc::in_use);
        EXPECT_TRUE(os::lock_name(file, "db", false).ok());
    }
    EXPECT_TRUE(os::lock_name(file, "web", false).ok());
    EXPECT_TRUE(os::remove_tree(file).ok());
}

TEST(LockName, a_waiter_gets_it_when_the_owner_goes) {
    const std::string file = fmt::format("/tmp/gantry-lock-test-{}", getpid());
    auto owner = os::lock_name(file, "web");
    ASSERT_TRUE(owner.ok());
    std::atomic<bool> got = false;
    std::jthread waiter([&] { got = os::lock_name(file, "web").ok(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(got);
    owner.value().reset();
    waiter.join();
    EXPECT_TRUE(got);
    EXPECT_TRUE(os::remove_tree(file).ok());
}
