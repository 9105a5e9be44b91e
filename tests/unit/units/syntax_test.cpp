#include "container/unit_syntax.hpp"

#include <gtest/gtest.h>

#include <csignal>

using namespace gantry::container;
using namespace std::chrono_literals;

TEST(UnitSyntax, quotes_so_that_no_value_can_leave_its_line) {
    EXPECT_EQ(unit_quoted("a b"), "\"a b\"");
    EXPECT_EQ(unit_quoted("a\"b\\c%d\n\t"), "\"a\\\"b\\\\c%%d\\x0a\\x09\"");
    EXPECT_EQ(unit_data("p%s \n\\x"), "p\\x25s\\x20\\x0a\\x5cx");
}

TEST(UnitSyntax, paths_keep_backslashes_and_choose_their_quotes) {
    EXPECT_EQ(unit_path("/a b").value(), "\"/a b\"");
    EXPECT_EQ(unit_path("/a\\b%c").value(), "\"/a\\b%%c\"");
    EXPECT_EQ(unit_path("/a\"b").value(), "'/a\"b'");
    EXPECT_FALSE(unit_path("/a\"'b").ok());
    EXPECT_FALSE(unit_path("/a\nExecStart=/bin/sh").ok());
}

TEST(UnitSyntax, lines_that_would_not_survive_are_errors) {
    EXPECT_EQ(unit_line("x", "100% a").value(), "100%% a");
    for (const char* bad : {"", " a", "a ", "a\\", "a\nb"}) EXPECT_FALSE(unit_line("x", bad).ok()) << bad;
}

TEST(UnitSyntax, words_are_systemds) {
    EXPECT_EQ(unit_span(10s), "10s");
    EXPECT_EQ(unit_span(1500ms), "1500ms");
    EXPECT_EQ(unit_span(std::chrono::microseconds::max()), "infinity");
    EXPECT_EQ(unit_limit(~0ULL), "infinity");
    EXPECT_EQ(unit_signal(SIGQUIT), "SIGQUIT");
    EXPECT_EQ(unit_signal(SIGRTMIN + 3), "SIGRTMIN+3");
    EXPECT_EQ(unit_dependency("db"), "ctr@db.service");
    EXPECT_EQ(unit_dependency("nginx.service"), "nginx.service");
    EXPECT_EQ(journal_field("LABEL_", "com.example/team"), "LABEL_COM_EXAMPLE_TEAM");
    EXPECT_EQ(journal_field("LABEL_", std::string(100, 'x')).size(), 64U);
}
