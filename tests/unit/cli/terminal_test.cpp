#include "cli/terminal.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace gantry;
using namespace gantry::cli;

namespace {

DetachKeys keys(std::string_view text) { return DetachKeys::parse(text).value(); }

TEST(DetachKeys, TheDefaultIsCtrlPCtrlQ) {
    auto detach = keys("");
    EXPECT_EQ(detach.filter("ab\x10"), "ab");
    EXPECT_FALSE(detach.detached());
    EXPECT_EQ(detach.filter("\x11tail"), "");
    EXPECT_TRUE(detach.detached());
}

TEST(DetachKeys, WhatWasHeldBackInVainGoesThrough) {
    auto detach = keys("");
    EXPECT_EQ(detach.filter("\x10x"), "\x10x");
    EXPECT_EQ(detach.filter("\x10"), "");
    EXPECT_EQ(detach.filter("\x10"), "\x10");  // the second one may be the start as well
    EXPECT_EQ(detach.filter("\x11"), "");
    EXPECT_TRUE(detach.detached());
}

TEST(DetachKeys, SequencesThatRepeatThemselves) {
    auto detach = keys("a,a,b");
    EXPECT_EQ(detach.filter("aaab"), "a");
    EXPECT_TRUE(detach.detached());
    auto other = keys("a,b,a,c");
    EXPECT_EQ(other.filter("ababac"), "ab");
    EXPECT_TRUE(other.detached());
}

TEST(DetachKeys, EveryKeyThatDockerKnows) {
    EXPECT_TRUE(keys("ctrl-@").filter(std::string_view("\0", 1)).empty());
    EXPECT_TRUE(keys("ctrl-\\").filter("\x1c").empty());
    EXPECT_TRUE(keys("ctrl-_").filter("\x1f").empty());
    EXPECT_TRUE(keys("ctrl-z,x").filter("\x1ax").empty());
    EXPECT_TRUE(keys(",").filter(",").empty());
    EXPECT_TRUE(keys("a,,").filter("a,").empty());
    for (const char* bad : {"ctrl-", "ctrl-A", "ctrl-1", "ctrl-pp", "ab", "a,,b,", "ctrl-p,"})
        EXPECT_FALSE(DetachKeys::parse(bad).ok()) << bad;
}

struct Pipe {
    os::Fd read, write;
    Pipe() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) abort();
        read = os::Fd(ends[0]);
        write = os::Fd(ends[1]);
    }
    std::string all() {
        write.reset();
        return os::read_fd(read.get(), "pipe").value_or("unreadable");
    }
};

struct Terminal {
    os::Fd master, slave;
    Terminal() {
        int ends[2];
        if (openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) != 0) abort();
        master = os::Fd(ends[0]);
        slave = os::Fd(ends[1]);
    }
};

TEST(CopyStreams, BothOutputsUntilTheyEnd) {
    Pipe out, errors, local_out, local_errors;
    ASSERT_TRUE(os::write_all(out.write.get(), "out", "").ok());
    ASSERT_TRUE(os::write_all(errors.write.get(), "err", "").ok());
    out.write.reset();
    errors.write.reset();
    std::string told;
    Streams streams{.output = local_out.write.get(),
                    .errors = local_errors.write.get(),
                    .remote_output = out.read.get(),
                    .remote_errors = errors.read.get()};
    streams.copied = [&](bool is_error, std::string_view data) {
        told += std::string(is_error ? "E:" : "O:") + std::string(data);
    };
    EXPECT_EQ(copy_streams(std::move(streams)).value(), CopyEnd::streams_ended);
    EXPECT_EQ(local_out.all(), "out");
    EXPECT_EQ(local_errors.all(), "err");
    EXPECT_EQ(told, "O:outE:err");
}

// A filter that writes before it has read all: whoever blocks on one stream only would hang here.
TEST(CopyStreams, MegabytesThroughACat) {
    Pipe to_cat, from_cat, local_in, local_out;
    const std::string data(4 << 20, 'x');
    const pid_t cat = fork();
    ASSERT_GE(cat, 0);
    if (cat == 0) {
        dup2(to_cat.read.get(), 0);
        dup2(from_cat.write.get(), 1);
        execlp("cat", "cat", nullptr);
        _exit(127);
    }
    to_cat.read.reset();
    from_cat.write.reset();
    std::thread feeder([&] {
        EXPECT_TRUE(os::write_all(local_in.write.get(), data, "").ok());
        local_in.write.reset();
    });
    std::string got;
    std::thread reader([&] { got = os::read_fd(local_out.read.get(), "pipe").value_or("unreadable"); });
    EXPECT_EQ(copy_streams({.input = local_in.read.get(),
                            .output = local_out.write.get(),
                            .remote_input = &to_cat.write,
                            .remote_output = from_cat.read.get()})
                  .value(),
              CopyEnd::streams_ended);
    local_out.write.reset();
    feeder.join();
    reader.join();
    EXPECT_EQ(got.size(), data.size());
    EXPECT_EQ(waitpid(cat, nullptr, 0), cat);
}

TEST(CopyStreams, AProcessThatEndsEndsIt_ThoughItsPipesStayOpen) {
    Pipe out, local_out;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        [[maybe_unused]] const ssize_t put = write(out.write.get(), "last words", 10);
        _exit(0);
    }
    const os::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    // out.write stays open here, as a daemon that the command left behind would keep it.
    EXPECT_EQ(copy_streams({.output = local_out.write.get(), .remote_output = out.read.get(), .process = pidfd.get()}).value(),
              CopyEnd::process_ended);
    EXPECT_EQ(local_out.all(), "last words");
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

TEST(CopyStreams, AContainerThatReadsNothingDoesNotStopItsOutput) {
    Pipe to_container, out, local_in, local_out;
    ASSERT_TRUE(os::write_all(local_in.write.get(), std::string(60000, 'x'), "").ok());
    to_container.read.reset();  // EPIPE
    ASSERT_TRUE(os::write_all(out.write.get(), "still here", "").ok());
    out.write.reset();
    EXPECT_EQ(copy_streams({.input = local_in.read.get(),
                            .output = local_out.write.get(),
                            .remote_input = &to_container.write,
                            .remote_output = out.read.get()})
                  .value(),
              CopyEnd::streams_ended);
    EXPECT_EQ(local_out.all(), "still here");
}

TEST(CopyStreams, ATerminalIsResizedAndDetached) {
    Terminal user, container;
    const winsize size{.ws_row = 33, .ws_col = 101, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(ioctl(user.slave.get(), TIOCSWINSZ, &size), 0);
    auto raw = RawTerminal::enter(user.slave.get());
    ASSERT_TRUE(raw.ok());
    ASSERT_TRUE(os::write_all(user.master.get(), "hello\x10\x11", "").ok());
    Streams streams{.input = user.slave.get(), .output = user.slave.get(), .terminal = container.master.get()};
    streams.detach = keys("");
    EXPECT_EQ(copy_streams(std::move(streams)).value(), CopyEnd::detached);
    EXPECT_EQ(window_size(container.slave.get()), (std::pair<unsigned short, unsigned short>(33, 101)));
    ASSERT_TRUE(os::write_all(container.master.get(), "\n", "").ok());
    char buffer[64];
    const ssize_t got = read(container.slave.get(), buffer, sizeof buffer);
    EXPECT_EQ(std::string_view(buffer, got > 0 ? static_cast<std::size_t>(got) : 0), "hello\n");
}

TEST(CopyStreams, SignalsOfOursAreToldAndRestored) {
    Pipe out, local_out;
    int told = 0;
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);  // the sender's thread must not be the one that takes it
    std::thread sender([&, self = getpid()] {
        usleep(50000);
        kill(self, SIGTERM);
        usleep(50000);
        out.write.reset();
    });
    pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
    Streams streams{.output = local_out.write.get(), .remote_output = out.read.get()};
    streams.on_signal = [&](int signal) { told = signal; };
    EXPECT_EQ(copy_streams(std::move(streams)).value(), CopyEnd::streams_ended);
    sender.join();
    EXPECT_EQ(told, SIGTERM);
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    EXPECT_FALSE(sigismember(&now, SIGTERM));
}

TEST(RawTerminal, IsPutBack) {
    Terminal user;
    termios before{}, during{}, after{};
    ASSERT_EQ(tcgetattr(user.slave.get(), &before), 0);
    {
        auto raw = RawTerminal::enter(user.slave.get());
        ASSERT_TRUE(raw.ok());
        ASSERT_EQ(tcgetattr(user.slave.get(), &during), 0);
        EXPECT_FALSE(during.c_lflag & (ICANON | ECHO | ISIG));
    }
    ASSERT_EQ(tcgetattr(user.slave.get(), &after), 0);
    EXPECT_EQ(before.c_lflag, after.c_lflag);
    Pipe pipe;
    EXPECT_FALSE(RawTerminal::enter(pipe.read.get()).ok());
}

}  // namespace
