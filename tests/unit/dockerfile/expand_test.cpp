#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const Values values = {{"variable", "value"}, {"empty", ""},          {"PWD", "/home"},   {"str", "foobarbaz"},
                       {"two", "a b"},        {"path", "/a/b/c.txt"}, {"stars", "a*b*c"}, {"KOREAN", "\xED\x95\x9C"},
                       {"x", "xxyy"},         {"NL", "a\nb"}};

std::string word(std::string_view text, char escape = '\\') {
    const auto result = expand_word(text, lookup_in(values), escape);
    return result.ok() ? *result : "error: " + result.error().message();
}

struct Row {
    const char* text;
    const char* expected;
};

}  // namespace

// "Environment replacement" of Docker's reference.
TEST(Expand, references_table) {
    for (const Row& row : std::initializer_list<Row>{
             {"$variable", "value"},
             {"${variable}", "value"},
             {"${variable}_name", "value_name"},
             {"$variable_name", ""},
             {"${variable:-word}", "value"},
             {"${none:-word}", "word"},
             {"${empty:-word}", "word"},
             {"${empty-word}", ""},
             {"${none-word}", "word"},
             {"${variable:+word}", "word"},
             {"${none:+word}", ""},
             {"${empty:+word}", ""},
             {"${empty+word}", "word"},
             {"${variable:?must}", "value"},
             {"${empty?must}", ""},
             {"${str#f*b}", "arbaz"},
             {"${str##f*b}", "az"},
             {"${str%b*}", "foobar"},
             {"${str%%b*}", "foo"},
             {"${str/ba/fo}", "fooforbaz"},
             {"${str//ba/fo}", "fooforfoz"},
             {"\\$foo", "$foo"},
             {"\\${foo}", "${foo}"},
             {"${none:-${variable:-b}}", "value"},
             {"${none:-$variable/x}", "value/x"},
         })
        EXPECT_EQ(word(row.text), row.expected) << row.text;
}

// The corner cases follow BuildKit's frontend/dockerfile/shell.
TEST(Expand, quotes_and_escapes) {
    for (const Row& row : std::initializer_list<Row>{
             {"he'll'o", "hello"},
             {"'hello\\there'", "hello\\there"},
             {"\"hello\\\"there\"", "hello\"there"},
             {"\"hel\\lo\"", "hel\\lo"},
             {"hel\\'lo", "hel'lo"},
             {"hel\\\\lo", "hel\\lo"},
             {"hello\\", "hello"},
             {"'$PWD'", "$PWD"},
             {"\"$PWD\"", "/home"},
             {"\"'$PWD'\"", "'/home'"},
             {"'\"$PWD\"'", "\"$PWD\""},
             {"he$PWD", "he/home"},
             {"he\\$PWD", "he$PWD"},
             {"\"he\\$PWD\"", "he$PWD"},
             {"he$", "he$"},
             {"he$.", "he$."},
             {"he$-.", "he."},
             {"a$1b", "ab"},
             {"a$12b", "ab"},
             {"a$@$*$#$?$!$$b", "ab"},
             {"${0}x", "x"},
             {"\"\"", ""},
             {"$two", "a b"},
             {"$KOREAN!", "\xED\x95\x9C!"},
             {"'it''s'", "its"},
             {"${none:-'a}b'}", "a}b"},
             {"${none:-\"a}b\"}", "a}b"},
             {"${none:-a\\}b}", "a}b"},
         })
        EXPECT_EQ(word(row.text), row.expected) << row.text;
    EXPECT_EQ(word("`$PWD \\$PWD", '`'), "$PWD \\/home");
    EXPECT_EQ(word("\"a``b`\"c`d\"", '`'), "a`b\"c`d");
}

TEST(Expand, patterns) {
    for (const Row& row : std::initializer_list<Row>{
             {"${path#*/}", "a/b/c.txt"},
             {"${path##*/}", "c.txt"},
             {"${path%/*}", "/a/b"},
             {"${path%%/*}", ""},
             {"${path%.txt}.md", "/a/b/c.md"},
             {"${path%.???}", "/a/b/c"},
             {"${path#nope}", "/a/b/c.txt"},
             {"${path#$PWD}", "/a/b/c.txt"},
             {"${PWD#$PWD}", ""},
             {"${x#}", "xxyy"},
             {"${x%%}", "xxyy"},
             {"${x#*}", "xxyy"},
             {"${x##*}", ""},
             {"${x#*x*y}", "y"},
             {"${stars%%\\**}", "a"},
             {"${stars#a\\*}", "b*c"},
             {"${stars//\\*/-}", "a-b-c"},
             {"${path//\\//_}", "_a_b_c.txt"},
             {"${path/\\/a/}", "/b/c.txt"},
             {"${x/y*/-}", "xx-"},
             {"${x/?/-}", "-xyy"},
             {"${x//?/-}", "----"},
             {"${x//}", "error: failed to process '${x//}': syntax error: missing '/'"},
             {"${x/$empty/ww}", "wwxxyy"},
             {"${x///}", "xxyy"},
             {"${none//a/b}", ""},
             {"${KOREAN/?/-}", "-"},
             {"${KOREAN%?}", ""},
             {"${NL#a*}", "\nb"},
             {"${NL##a*}", ""},
         })
        EXPECT_EQ(word(row.text), row.expected) << row.text;
    EXPECT_THAT(word("${x#\\q}"), HasSubstr("invalid escape '\\q' in pattern '\\q'"));
}

TEST(Expand, refuses_what_is_broken) {
    for (const Row& row : std::initializer_list<Row>{
             {"${", "syntax error: missing '}'"},
             {"${x", "syntax error: missing '}'"},
             {"${x:-a", "syntax error: missing '}'"},
             {"${x:", "syntax error: missing '}'"},
             {"${}", "syntax error: bad substitution"},
             {"${:x}", "syntax error: bad substitution"},
             {"${{x}}", "syntax error: bad substitution"},
             {"${x=a}", "unsupported modifier (=) in substitution"},
             {"${x:=a}", "unsupported modifier (:=) in substitution"},
             {"${x!}", "unsupported modifier (!) in substitution"},
             {"'a", "unexpected end of statement while looking for matching single-quote"},
             {"\"a", "unexpected end of statement while looking for matching double-quote"},
             {"${none:?say $PWD}", "none: say /home"},
             {"${none?}", "none: is not allowed to be unset"},
             {"${empty:?}", "empty: is not allowed to be empty"},
         })
        EXPECT_EQ(word(row.text), std::string("error: failed to process '") + row.text + "': " + row.expected);
}

TEST(Expand, words_split_at_blanks_that_are_not_quoted) {
    const auto words = [](std::string_view text) { return expand_words(text, lookup_in(values)).value(); };
    EXPECT_THAT(words("hello $two  there"), ElementsAre("hello", "a", "b", "there"));
    EXPECT_THAT(words("\"$two\" 'c d' e\\ f"), ElementsAre("a b", "c d", "e f"));
    EXPECT_THAT(words("x${two}y"), ElementsAre("xa", "by"));
    EXPECT_THAT(words("$none $empty"), ElementsAre());
    EXPECT_THAT(words("  "), ElementsAre());
}

TEST(Expand, documents_keep_their_quotes) {
    EXPECT_EQ(expand_document("'$PWD' \"${none:-d}\" \\$x\n", lookup_in(values)).value(), "'/home' \"d\" $x\n");
}

TEST(Expand, is_bounded) {
    std::string deep;
    for (int level = 0; level <= expansion_depth; ++level) deep += "${none:-";
    EXPECT_THAT(word(deep + std::string(expansion_depth + 1, '}')), HasSubstr("nested deeper than 50 levels"));
    EXPECT_THAT(word("\"" + std::string(100'000, '$') + "\""), "");
    const Lookup large = lookup_in({{"a", std::string(600'000, 'x')}, {"s", std::string(20'000, '*')}});
    EXPECT_THAT(expand_word("$a$a", large).error().message(), HasSubstr("longer than 1048576 bytes after expansion"));
    EXPECT_THAT(expand_word("\"$a$a\"", large).error().message(), HasSubstr("longer than 1048576 bytes after expansion"));
    std::string often;
    for (int count = 0; count < 200; ++count) often += "${a+}";
    EXPECT_THAT(expand_word(often, large).error().message(), HasSubstr("bytes of variables"));
    EXPECT_THAT(expand_word("${a#xxxx*y}", large).error().message(), HasSubstr("too long"));
    // Patterns that take a backtracking matcher for ever.
    const Lookup evil = lookup_in({{"a", std::string(2000, 'a')}});
    std::string pattern;
    for (int count = 0; count < 200; ++count) pattern += "a*";
    EXPECT_EQ(expand_word("${a##" + pattern + "b}", evil).value().size(), 2000U);
    EXPECT_EQ(expand_word("${a//" + pattern + "b/}", evil).value().size(), 2000U);
}
