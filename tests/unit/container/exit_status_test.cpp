#include "container/exit_status.hpp"
#include "scratch.hpp"

#include <csignal>

using namespace gantry;

TEST(ExitStatus, follows_docker_from_systemds_environment) {
    EXPECT_EQ(container::exit_status_of("success", "exited", "0").code, 0);
    EXPECT_EQ(container::exit_status_of("exit-code", "exited", "42").code, 42);
    EXPECT_EQ(container::exit_status_of("signal", "killed", "KILL").code, 128 + SIGKILL);
    EXPECT_EQ(container::exit_status_of("core-dump", "dumped", "SEGV").code, 128 + SIGSEGV);
    EXPECT_EQ(container::exit_status_of("signal", "killed", "RTMIN+3").code, 128 + SIGRTMIN + 3);
    EXPECT_EQ(container::exit_status_of("resources", "", "").code, 125);
    EXPECT_TRUE(container::exit_status_of("oom-kill", "killed", "KILL").oom_killed);
}

TEST(ExitStatus, is_kept_and_forgotten) {
    test::Scratch scratch;
    auto status = container::exit_status_of("exit-code", "exited", "3");
    status.started_us = 5;
    status.finished_us = 9;
    ASSERT_TRUE(container::write_exit_status(scratch.paths, "web", status).ok());
    auto read = container::read_exit_status(scratch.paths, "web");
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->code, 3);
    EXPECT_EQ(read->finished_us, 9);
    ASSERT_TRUE(os::write_file_atomic(scratch.paths.data + "/exits/web.json", "{\"code\":").ok());
    EXPECT_FALSE(container::read_exit_status(scratch.paths, "web").has_value());
    ASSERT_TRUE(container::erase_exit_status(scratch.paths, "web").ok());
    ASSERT_TRUE(container::erase_exit_status(scratch.paths, "web").ok());
}
