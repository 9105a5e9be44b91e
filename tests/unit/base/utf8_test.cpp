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

TEST(Utf8, CharactersAndTheirCodePoints) {
    EXPECT_EQ(character_size("a\xC3\xA9"), 1u);
    EXPECT_EQ(character_size("\xE2\x82\xACx"), 3u);
    EXPECT_EQ(character_size("\xEF\xBF\xBF"), 3u) << "a noncharacter is well-formed";
    EXPECT_EQ(character_size(std::string_view("\0", 1)), 1u);
    for (const char* none : {"", "\x80", "\xC1\x81", "\xE2\x82", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"})
        EXPECT_EQ(character_size(none), 0u) << none;
    EXPECT_EQ(code_point("a"), U'a');
    EXPECT_EQ(code_point("\xC3\xA9"), U'\u00E9');
    EXPECT_EQ(code_point("\xE2\x82\xAC"), U'\u20AC');
    EXPECT_EQ(code_point("\xF0\x9F\x90\x8B"), U'\U0001F40B');
}

}  // namespace
}  // namespace gantry
