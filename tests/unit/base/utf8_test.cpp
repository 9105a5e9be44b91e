#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace gantry {
namespace {

#define MARK "\xEF\xBF\xBD"

TEST(Utf8, TextStaysAsItIs) {
    EXPECT_EQ(valid_utf8(""), "");
    EXPECT_EQ(valid_utf8("plain\n\ttext \x7f"), "plain\n\ttext \x7f");
    EXPECT_EQ(valid_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x8B"), "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x8B");
    EXPECT_EQ(valid_utf8("\xF4\x8F\xBF\xBD"), "\xF4\x8F\xBF\xBD") << "the last character";
}

TEST(Utf8, BytesOfNoCharacterAreMarked) {
    EXPECT_EQ(valid_utf8("a\xFF"
                         "b\x80"),
              "a" MARK "b" MARK);
    EXPECT_EQ(valid_utf8("\xC3"), MARK) << "cut short";
    EXPECT_EQ(valid_utf8("\xE2\x82"), MARK MARK);
    EXPECT_EQ(valid_utf8("\xE2\x82x"), MARK MARK "x");
    EXPECT_EQ(valid_utf8("\xC0\xAF"), MARK MARK) << "longer than needed";
    EXPECT_EQ(valid_utf8("\xE0\x80\xAF"), MARK MARK MARK);
    EXPECT_EQ(valid_utf8("\xED\xA0\x80"), MARK MARK MARK) << "a surrogate";
    EXPECT_EQ(valid_utf8("\xEF\xBF\xBF"), MARK MARK MARK) << "a noncharacter";
    EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), MARK MARK MARK MARK) << "above the last character";
    EXPECT_EQ(valid_utf8(std::string_view("a\0b", 3)), "a" MARK "b");
}

}  // namespace
}  // namespace gantry
