#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::HasSubstr;
using testing::Not;

TEST(Excerpt, looks_as_buildkits) {
    EXPECT_EQ(excerpt("FROM scratch\n\nRNU make\nCMD [\"a\"]\n", "Dockerfile", {3, 3}),
              "Dockerfile:3\n"
              "--------------------\n"
              "   1 |     FROM scratch\n"
              "   2 |\n"
              "   3 | >>> RNU make\n"
              "   4 |     CMD [\"a\"]\n"
              "--------------------\n");
    EXPECT_EQ(excerpt("a\nb\nc\nd\ne\r\nf", "x/D", {3, 4}),
              "x/D:3\n"
              "--------------------\n"
              "   2 |     b\n"
              "   3 | >>> c\n"
              "   4 | >>> d\n"
              "   5 |     e\n"
              "--------------------\n");
}

TEST(Excerpt, of_lines_that_are_not_there) {
    EXPECT_EQ(excerpt("a\n", "D", {}), "");
    EXPECT_EQ(excerpt("a\n", "D", {2, 2}), "");
    EXPECT_EQ(excerpt("a\nb\n", "D", {2, 1}), "");
    EXPECT_THAT(excerpt("a\nb", "D", {2, 9}), HasSubstr(">>> b\n"));
}

TEST(Excerpt, shows_nothing_that_moves_the_cursor) {
    const std::string shown = excerpt("RUN \x1b[2J\tx\x7f \xC3\xA9\n", "D", {1, 1});
    EXPECT_THAT(shown, HasSubstr(">>> RUN [2J\tx \xC3\xA9\n"));
}

TEST(Excerpt, is_short) {
    const std::string wide = excerpt(std::string(10'000, 'x'), "D", {1, 1});
    EXPECT_LT(wide.size(), 300U);
    std::string text;
    for (int line = 1; line <= 100; ++line) text += fmt::format("line {}\n", line);
    const std::string tall = excerpt(text, "D", {10, 90});
    EXPECT_THAT(tall, HasSubstr(">>> line 19\n     | ... 61 lines\n  81 | >>> line 81\n"));
    EXPECT_THAT(tall, Not(HasSubstr("line 50\n")));
    EXPECT_THAT(tall, HasSubstr("  91 |     line 91\n"));
}

TEST(Located, puts_the_place_in_front) {
    EXPECT_EQ(located(error(Errc::invalid, "x"), "D", {3, 4}).message(), "D:3: x");
    EXPECT_EQ(located(error(Errc::not_found, "x"), "D", {}).message(), "D: x");
    EXPECT_EQ(located(error(Errc::not_found, "x"), "D", {}).code(), Errc::not_found);
}
