#include "base/text.hpp"

#include <gmock/gmock.h>

namespace gantry {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Text, splits) {
    EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
    EXPECT_THAT(split("", ','), ElementsAre(""));
    EXPECT_THAT(split_once("a=b=c", '='), Pair("a", "b=c"));
    EXPECT_THAT(split_once("a", '='), Pair("a", ""));
    EXPECT_THAT(split_fields("a=b,c"), ElementsAre(Pair("a", "b"), Pair("c", "")));
}

TEST(Text, reads_whole_numbers) {
    EXPECT_EQ(whole_number("0"), 0U);
    EXPECT_EQ(whole_number("18446744073709551615"), 18446744073709551615U);
    for (const char* wrong : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"})
        EXPECT_FALSE(whole_number(wrong)) << wrong;
}

TEST(Text, knows_base_names) {
    EXPECT_EQ(base_name("/a/b"), "b");
    EXPECT_EQ(base_name("b"), "b");
    EXPECT_EQ(base_name("a/"), "");
}

TEST(Text, writes_times) {
    EXPECT_EQ(rfc3339(1700000000), "2023-11-14T22:13:20Z");
    EXPECT_EQ(rfc3339(0, 1'500'000, 6), "1970-01-01T00:00:00.001500Z");
}

}  // namespace
}  // namespace gantry
