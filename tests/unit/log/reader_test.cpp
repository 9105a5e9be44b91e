#include "log/reader.hpp"

#include "os/file.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::log {

// With pipes as PID 1 passes them: open at both ends, and blocking.
class Reading : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-log-XXXXXX";
        folder = mkdtemp(name);
        for (const char* pipe : {"more", "0.out", "0.err"}) {
            const std::string path = folder + "/" + pipe;
            ASSERT_EQ(mkfifo(path.c_str(), 0622), 0);
            kept.push_back(*os::open(path, O_RDWR));
        }
    }
    void TearDown() override { ASSERT_TRUE(os::remove_tree(folder).ok()); }
    std::vector<os::Fd> passed() {
        std::vector<os::Fd> pipes;
        for (const os::Fd& pipe : kept) pipes.emplace_back(fcntl(pipe.get(), F_DUPFD_CLOEXEC, 3));
        return pipes;
    }
    std::string folder;
    std::vector<os::Fd> kept;
};

TEST_F(Reading, LeavesWhenNothingComes) {
    Reader reader(folder, passed(), [](int) { FAIL(); });
    EXPECT_TRUE(reader.run(std::chrono::milliseconds(20)).ok());
}

TEST_F(Reading, PassesOnWhichPoolIsWantedAndLeavesAllTheSame) {
    std::vector<int> wanted;
    ASSERT_TRUE(os::write_all(kept[0].get(), std::string("\1\2\1", 3), "more").ok());
    Reader reader(folder, passed(), [&](int pool) { wanted.push_back(pool); });
    EXPECT_TRUE(reader.run(std::chrono::milliseconds(20)).ok());
    EXPECT_EQ(wanted, std::vector{2});
}

}  // namespace gantry::log
