#include "log/slots.hpp"

#include "os/file.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <thread>

namespace gantry::log {

ContainerName named(const std::string& name) { return *ContainerName::parse(name); }

// What PID 1 does for gantry-log@POOL.socket: pipes that are open at both ends.
class Pools : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-log-XXXXXX";
        paths.run = mkdtemp(name);
    }
    void TearDown() override { ASSERT_TRUE(os::remove_tree(paths.run).ok()); }

    void make_pool(int pool) {
        const std::string folder = paths.run + "/log/" + std::to_string(pool);
        ASSERT_TRUE(os::make_dirs(folder).ok());
        for (int slot = 0; slot < slots_per_pool; ++slot)
            for (const char* end : {".out", ".err"}) keep_open(folder + "/" + std::to_string(slot) + end);
        keep_open(folder + "/more");
        if (pool == 0) bell = kept.back().get();
    }
    void keep_open(const std::string& path) {
        ASSERT_EQ(mkfifo(path.c_str(), 0622), 0);
        ASSERT_EQ(chmod(path.c_str(), 0622), 0);
        kept.push_back(*os::open(path, O_RDWR | O_NONBLOCK));
    }
    std::string asked() {
        char text[256];
        const ssize_t got = read(bell, text, sizeof text);
        return std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    }

    config::Paths paths;
    std::vector<os::Fd> kept;
    int bell = -1;
};

TEST_F(Pools, WithoutOneThereIsNoSlot) {
    const auto slot = take_slot(paths, named("alone"));
    ASSERT_FALSE(slot.ok());
    EXPECT_EQ(slot.error().code(), Errc::unavailable);
    EXPECT_NE(slot.error().message().find("gantry-log@0.socket"), std::string::npos);
}

TEST_F(Pools, EachContainerHasItsOwnSlotAndGivesItBack) {
    make_pool(0);
    std::set<std::string> links;
    std::vector<Slot> slots;
    for (int at = 0; at < slots_per_pool / 2; ++at) {
        slots.push_back(*take_slot(paths, named("container-" + std::to_string(at))));
        EXPECT_TRUE(links.insert(slots.back().link).second);
        EXPECT_EQ(fcntl(slots.back().out.get(), F_GETFL) & O_NONBLOCK, 0);
    }
    const std::string link = slots.back().link;
    const auto last = named("container-" + std::to_string(slots_per_pool / 2 - 1));
    ASSERT_TRUE(set_process(slots.back(), 4711).ok());
    ASSERT_TRUE(release_slots(paths, last).ok());
    EXPECT_FALSE(os::path_exists(link) || os::path_exists(link + ".pid"));
    EXPECT_EQ(take_slot(paths, last)->link, link);
}

TEST_F(Pools, TheNextPoolIsAskedForBeforeTheLastSlotIsGone) {
    make_pool(0);
    std::vector<Slot> slots;
    std::string bells;
    for (int at = 0; at < slots_per_pool; ++at) {
        auto slot = take_slot(paths, named("container-" + std::to_string(at)));
        ASSERT_TRUE(slot.ok()) << slot.error().message();
        slots.push_back(std::move(*slot));
        bells += asked();
        ASSERT_TRUE(bells.empty() || at >= slots_per_pool / 2);
    }
    ASSERT_NE(bells, "");
    EXPECT_EQ(bells.find_first_not_of('\1'), std::string::npos);  // each time the same one

    // Full: whoever comes waits until it is there.
    std::thread manager([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        make_pool(1);
    });
    const auto slot = take_slot(paths, named("waits"));
    manager.join();
    ASSERT_TRUE(slot.ok()) << slot.error().message();
    EXPECT_NE(slot->link.find("/log/1/"), std::string::npos);
    EXPECT_EQ(asked(), "\1");
    EXPECT_TRUE(has_pool(paths, 1));
    EXPECT_FALSE(has_pool(paths, 2));
}

TEST_F(Pools, OwnerAndModeOfTheLastContainerAreTakenBack) {
    make_pool(0);
    const Slot first = *take_slot(paths, named("first"));
    ASSERT_EQ(fchmod(first.out.get(), 0600), 0);
    ASSERT_EQ(fchown(first.out.get(), 1000, 1000), 0);
    ASSERT_TRUE(release_slots(paths, named("first")).ok());
    const Slot second = *take_slot(paths, named("first"));
    struct stat info {};
    ASSERT_EQ(fstat(second.out.get(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0622U);
    EXPECT_EQ(info.st_uid, 0U);
}

TEST_F(Pools, WhatIsLeftGoesToTheJournalByPriority) {
    make_pool(0);
    const Slot slot = *take_slot(paths, named("writer"));
    ASSERT_TRUE(os::write_all(slot.out.get(), "said\n", "pipe").ok());
    ASSERT_TRUE(os::write_all(slot.err.get(), "cried\n", "pipe").ok());
    std::map<int, os::Fd> journal;
    ASSERT_TRUE(drain_slots(paths, named("writer"), [&](int priority) -> Result<os::Fd> {
                    int pipe[2];
                    if (pipe2(pipe, O_CLOEXEC) != 0) return errno_error("pipe");
                    journal[priority] = os::Fd(pipe[0]);
                    return os::Fd(pipe[1]);
                }).ok());
    ASSERT_EQ(journal.size(), 2U);
    EXPECT_EQ(*os::read_fd(journal[6].get(), "pipe", 100), "said\n");
    EXPECT_EQ(*os::read_fd(journal[3].get(), "pipe", 100), "cried\n");
}

}  // namespace gantry::log
