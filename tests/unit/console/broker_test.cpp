#include "console/broker.hpp"

#include "cli/console_client.hpp"
#include "console/protocol.hpp"
#include "container/enter_channel.hpp"
#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

using namespace gantry;
using namespace gantry::console;

namespace {

class ABroker : public testing::Test {
protected:
    void SetUp() override {
        std::signal(SIGPIPE, SIG_IGN);
        char pattern[] = "/tmp/gantry-console-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        folder_ = pattern;
        auto listener = listen_at(path());
        ASSERT_TRUE(listener.ok()) << listener.error().message();
        broker_.emplace(
            std::move(listener).value(), [&](std::string_view data) { shown_ += data; }, [&] { ++ended_; });
        int ends[2];
        ASSERT_EQ(openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
        master_ = os::Fd(ends[0]);
        slave_ = os::Fd(ends[1]);
    }
    void TearDown() override { EXPECT_TRUE(os::remove_tree(folder_).ok()); }
    [[nodiscard]] std::string path() const { return folder_ + "/x.sock"; }
    void rounds(int count = 20) {
        for (int round = 0; round < count; ++round) ASSERT_TRUE(broker_->serve(5).ok());
    }
    void give_terminal() {
        const auto launcher = cli::connect_console(path(), false);
        ASSERT_TRUE(launcher.ok());
        ASSERT_TRUE(container::tell(launcher->get(), "console", master_.get()).ok());
        rounds();
        master_.reset();
    }
    // Everything that is there for a client now.
    std::string heard(const os::Fd& client) {
        std::string text;
        char buffer[16384];
        for (;;) {
            const ssize_t got = recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (got == 0) return text + "(end)";
            if (got < 0) return text;
            EXPECT_EQ(buffer[0], 'o');
            text.append(buffer + 1, static_cast<std::size_t>(got) - 1);
        }
    }
    void container_writes(const std::string& text) {
        ASSERT_TRUE(os::write_all(slave_.get(), text, "terminal").ok());
        rounds();
    }

    std::string folder_, shown_;
    int ended_ = 0;
    std::optional<Broker> broker_;
    os::Fd master_, slave_;
};

TEST_F(ABroker, EveryClientSeesAllAndTypes) {
    give_terminal();
    auto one = cli::connect_console(path(), false), two = cli::connect_console(path(), false);
    ASSERT_TRUE(one.ok() && two.ok());
    rounds();
    container_writes("hello");
    EXPECT_EQ(heard(*one), "hello");
    EXPECT_EQ(heard(*two), "hello");
    EXPECT_EQ(shown_, "hello");
    ASSERT_TRUE(container::tell(one->get(), "iline\n").ok());
    ASSERT_TRUE(container::tell(two->get(), "w33 101").ok());
    rounds();
    char buffer[64];
    EXPECT_EQ(read(slave_.get(), buffer, sizeof buffer), 5);
    winsize size{};
    ASSERT_EQ(ioctl(slave_.get(), TIOCGWINSZ, &size), 0);
    EXPECT_EQ(size.ws_row, 33);
    EXPECT_EQ(size.ws_col, 101);
}

TEST_F(ABroker, WhatWasShownBeforeIsThereForWhoWantsIt) {
    give_terminal();
    container_writes("early");
    auto late = cli::connect_console(path(), true), later = cli::connect_console(path(), false);
    ASSERT_TRUE(late.ok() && later.ok());
    rounds();
    EXPECT_EQ(heard(*late), "early");
    EXPECT_EQ(heard(*later), "");
}

TEST_F(ABroker, TheEndOfTheTerminalIsTheEndOfItsClientsAndAnotherMayCome) {
    give_terminal();
    auto client = cli::connect_console(path(), false);
    ASSERT_TRUE(client.ok());
    rounds();
    container_writes("last");
    slave_.reset();
    rounds();
    EXPECT_EQ(heard(*client), "last(end)");
    EXPECT_EQ(ended_, 1);
    int ends[2];
    ASSERT_EQ(openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
    master_ = os::Fd(ends[0]);
    slave_ = os::Fd(ends[1]);
    give_terminal();
    container_writes("again");
    EXPECT_EQ(shown_, "lastagain");
}

TEST_F(ABroker, AMachinesConsoleIsClosedAndOpenedAsItLikes) {
    give_terminal();
    const auto launcher = cli::connect_console(path(), false);
    ASSERT_TRUE(launcher.ok());
    ASSERT_TRUE(container::tell(launcher->get(), "keep", slave_.get()).ok());
    rounds();
    char name[64];
    ASSERT_EQ(ttyname_r(slave_.get(), name, sizeof name), 0);
    slave_.reset();
    rounds();
    EXPECT_EQ(ended_, 0);
    slave_ = os::Fd(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    container_writes("again");
    EXPECT_EQ(shown_, "again");
}

TEST_F(ABroker, AClientThatDoesNotReadHoldsNobodyUp) {
    give_terminal();
    auto lazy = cli::connect_console(path(), false), busy = cli::connect_console(path(), false);
    ASSERT_TRUE(lazy.ok() && busy.ok());
    rounds();
    std::size_t got = 0;
    for (int part = 0; part < 600; ++part) {
        ASSERT_TRUE(os::write_all(slave_.get(), std::string(4000, 'x'), "terminal").ok());
        rounds(2);
        got += heard(*busy).size();
    }
    rounds();
    got += heard(*busy).size();
    EXPECT_EQ(got, 600U * 4000U);
    EXPECT_EQ(shown_.size(), 600U * 4000U);
}

TEST_F(ABroker, InputWithoutATerminal) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const os::Fd inside(ends[0]);
    {
        const os::Fd other(ends[1]);
        const auto launcher = cli::connect_console(path(), false);
        ASSERT_TRUE(launcher.ok());
        ASSERT_TRUE(container::tell(launcher->get(), "stdin", other.get()).ok());
        rounds();
    }
    auto client = cli::connect_console(path(), false);
    ASSERT_TRUE(client.ok());
    ASSERT_TRUE(container::tell(client->get(), "ihello").ok());
    ASSERT_TRUE(container::tell(client->get(), "c").ok());
    rounds();
    EXPECT_EQ(os::read_fd(inside.get(), "input").value_or("unreadable"), "hello");
}

TEST_F(ABroker, NonsenseIsNotObeyed) {
    give_terminal();
    os::Fd raw(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    auto client = cli::connect_console(path(), false);
    ASSERT_TRUE(client.ok());
    for (const char* packet : {"w", "w99999999999 1", "wx y", "?", "console", "stdin"})
        ASSERT_TRUE(container::tell(client->get(), packet).ok());
    rounds();
    container_writes("still here");
    EXPECT_EQ(heard(*client), "still here");
}

}  // namespace
