#include "support.hpp"

#include "dockerfile/patterns.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::HasSubstr;

namespace {

Patterns patterns(const std::vector<std::string>& texts) {
    auto result = Patterns::make(texts);
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? std::move(result).value() : Patterns();
}

struct Case {
    const char* pattern;
    const char* path;
    bool match;
};

}  // namespace

// The cases of Go's path/filepath match_test.go.
TEST(Wildcard, matches_as_go_does) {
    for (const Case& row : std::initializer_list<Case>{
             {"abc", "abc", true},
             {"*", "abc", true},
             {"*c", "abc", true},
             {"a*", "a", true},
             {"a*", "abc", true},
             {"a*", "ab/c", false},
             {"a*/b", "abc/b", true},
             {"a*/b", "a/c/b", false},
             {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
             {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
             {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
             {"a*b*c*d*e*/f", "axbxcxdxexxx/fff", false},
             {"a*b?c*x", "abxbbxdbxebxczzx", true},
             {"a*b?c*x", "abxbbxdbxebxczzy", false},
             {"ab[c]", "abc", true},
             {"ab[b-d]", "abc", true},
             {"ab[e-g]", "abc", false},
             {"ab[^c]", "abc", false},
             {"ab[^b-d]", "abc", false},
             {"ab[^e-g]", "abc", true},
             {"a\\*b", "a*b", true},
             {"a\\*b", "ab", false},
             {"a?b", "a\u263Ab", true},
             {"a[^a]b", "a\u263Ab", true},
             {"a???b", "a\u263Ab", false},
             {"a[^a][^a][^a]b", "a\u263Ab", false},
             {"[a-\u03B6]*", "\u03B1", true},
             {"*[a-\u03B6]", "A", false},
             {"a?b", "a/b", false},
             {"a*b", "a/b", false},
             {"[\\]a]", "]", true},
             {"[\\-]", "-", true},
             {"[x\\-]", "x", true},
             {"[x\\-]", "-", true},
             {"[x\\-]", "z", false},
             {"[\\-x]", "x", true},
             {"[\\-x]", "-", true},
             {"[\\-x]", "a", false},
             {"*x", "xxx", true},
             {"**", "a/b", false},
             {"a/**/b", "a/x/b", true},
             {"", "", true},
             // A surrogate is no character of UTF-8 but three bytes of none, as Go has it.
             {"a?z", "a\xED\xA0\x80z", false},
             {"a???z", "a\xED\xA0\x80z", true},
         }) {
        const auto result = wildcard_match(row.pattern, row.path);
        ASSERT_TRUE(result.ok()) << row.pattern;
        EXPECT_EQ(*result, row.match) << row.pattern << " " << row.path;
    }
    for (const char* bad : {"[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "[a-]", "[]", "a\\"})
        EXPECT_FALSE(wildcard_match(bad, "a").ok()) << bad;
}

TEST(Wildcard, is_never_slow) {
    std::string pattern;
    for (int count = 0; count < 200; ++count) pattern += "*a";
    EXPECT_FALSE(wildcard_match(pattern + "b", std::string(4000, 'a')).value());
    EXPECT_TRUE(wildcard_match(pattern, std::string(4000, 'a')).value());
}

TEST(Wildcard, is_seen) {
    EXPECT_TRUE(has_wildcard("a*"));
    EXPECT_TRUE(has_wildcard("[a]"));
    EXPECT_FALSE(has_wildcard("a/b.c"));
}

// moby/patternmatcher's table: a pattern matches the path itself or a folder above it.
TEST(Patterns, match_as_moby_does) {
    for (const Case& row : std::initializer_list<Case>{
             {"**", "file", true},
             {"**", "file/", true},
             {"**/", "file", true},
             {"**/", "file/", true},
             {"**", "/", true},
             {"**/", "/", true},
             {"**", "dir/file", true},
             {"**/", "dir/file", true},
             {"**/**", "dir/file", true},
             {"**/**", "dir/file/", true},
             {"dir/**", "dir/file", true},
             {"dir/**", "dir/file/", true},
             {"dir/**", "dir/dir2/file", true},
             {"**/dir", "dir", true},
             {"**/dir", "dir/file", true},
             {"**/dir2/*", "dir/dir2/file", true},
             {"**/dir2/*", "dir/dir2/file/", true},
             {"**/dir2/**", "dir/dir2/dir3/file", true},
             {"**file", "file", true},
             {"**file", "dir/file", true},
             {"**/file", "dir/file", true},
             {"**file", "dir/dir/file", true},
             {"**/file", "dir/dir/file", true},
             {"**/file*", "dir/dir/file", true},
             {"**/file*", "dir/dir/file.txt", true},
             {"**/file*txt", "dir/dir/file.txt", true},
             {"**/file*.txt", "dir/dir/file.txt", true},
             {"**/file*.txt*", "dir/dir/file.txt", true},
             {"**/**/*.txt", "dir/dir/file.txt", true},
             {"**/**/*.txt2", "dir/dir/file.txt", false},
             {"**/*.txt", "file.txt", true},
             {"**/**/*.txt", "file.txt", true},
             {"a**/*.txt", "a/file.txt", true},
             {"a**/*.txt", "a/dir/file.txt", true},
             {"a**/*.txt", "a/dir/dir/file.txt", true},
             {"a/*.txt", "a/dir/file.txt", false},
             {"a/*.txt", "a/file.txt", true},
             {"a/*.txt**", "a/file.txt", true},
             {"a[b-d]e", "ae", false},
             {"a[b-d]e", "ace", true},
             {"a[b-d]e", "aae", false},
             {"a[^b-d]e", "aze", true},
             {".*", ".foo", true},
             {".*", "foo", false},
             {"abc.def", "abcdef", false},
             {"abc.def", "abc.def", true},
             {"abc.def", "abcZdef", false},
             {"abc?def", "abcZdef", true},
             {"abc?def", "abcdef", false},
             {"**/foo/bar", "foo/bar", true},
             {"**/foo/bar", "dir/foo/bar", true},
             {"**/foo/bar", "dir/dir2/foo/bar", true},
             {"abc/**", "abc", false},
             {"abc/**", "abc/def", true},
             {"abc/**", "abc/def/ghi", true},
             {"**/.foo", ".foo", true},
             {"**/.foo", "bar.foo", false},
             {"a(b)c/def", "a(b)c/def", true},
             {"a(b)c/def", "a(b)c/xyz", false},
             {"a.|)$(}+{bc", "a.|)$(}+{bc", true},
             {"dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true},
             {"a\\\\", "a\\", true},
             {"a\\*b", "a*b", true},
             {"a*", "ab/c", true},
             {"docs/", "docs/a/b", true},
             {"docs", "docs2", false},
             {"a/../b", "b/c", true},
         })
        EXPECT_EQ(patterns({row.pattern}).matches(row.path), row.match) << row.pattern << " " << row.path;
}

TEST(Patterns, the_last_match_decides) {
    EXPECT_TRUE(patterns({"!fileutils.go", "*.go"}).matches("fileutils.go"));
    EXPECT_FALSE(patterns({"*.go", "!fileutils.go"}).matches("fileutils.go"));
    EXPECT_FALSE(patterns({"docs", "!docs/README.md"}).matches("docs/README.md"));
    EXPECT_FALSE(patterns({"docs/*", "  !docs/README.md  "}).matches("docs/README.md"));
    EXPECT_FALSE(patterns({"**", "!util/docker/web"}).matches("util/docker/web/foo"));
    EXPECT_TRUE(patterns({"**", "!util/docker/web", "util/docker/web/foo"}).matches("util/docker/web/foo"));
    EXPECT_FALSE(patterns({"**", "!dist/*.whl"}).matches("dist/a+b.whl"));
    EXPECT_FALSE(patterns({}).matches("any/path"));
    EXPECT_TRUE(patterns({"", " "}).empty());
}

TEST(Patterns, refuse_bad_ones) {
    EXPECT_EQ(Patterns::make({"!"}).error().message(), "illegal exclusion pattern: '!'");
    EXPECT_EQ(Patterns::make({"["}).error().message(), "syntax error in pattern '['");
    EXPECT_FALSE(Patterns::make({"[Local-Only]/"}).ok() && Patterns::make({"[a-b-c]"}).ok());
    EXPECT_THAT(Patterns::make(std::vector<std::string>(pattern_limit + 1, "a")).error().message(),
                HasSubstr("more than 20000"));
}

TEST(IgnoreFile, has_lines) {
    const Patterns ignore =
        Patterns::parse_ignore_file(
            "\xEF\xBB\xBF# comment\r\n/test1/\r\n\r\n  a//file/./here  \n! /a/file/here/keep\n #no comment\n")
            .value();
    EXPECT_TRUE(ignore.matches("test1/x"));
    EXPECT_TRUE(ignore.matches("a/file/here/x"));
    EXPECT_FALSE(ignore.matches("a/file/here/keep"));
    EXPECT_TRUE(ignore.matches("#no comment"));
    EXPECT_FALSE(ignore.matches("# comment"));
    EXPECT_TRUE(ignore.has_exceptions());
    EXPECT_FALSE(Patterns::parse_ignore_file("!\n").ok());
    EXPECT_FALSE(Patterns::parse_ignore_file(std::string(ignore_limit + 1, 'a')).ok());
    EXPECT_TRUE(Patterns::parse_ignore_file("").value().empty());
}

TEST(Patterns, folders_that_can_be_left_out_whole) {
    EXPECT_TRUE(patterns({"node_modules"}).prunable("node_modules"));
    EXPECT_FALSE(patterns({"node_modules"}).prunable("src"));
    EXPECT_FALSE(patterns({"docs", "!docs/README.md"}).prunable("docs"));
    EXPECT_TRUE(patterns({"docs", "!docs/README.md"}).prunable("docs/api"));
    EXPECT_TRUE(patterns({"docs", "!src/README.md"}).prunable("docs"));
    EXPECT_FALSE(patterns({"*", "!src/**/*.c"}).prunable("src"));
    EXPECT_FALSE(patterns({"*", "!src/**/*.c"}).prunable("src/a/b"));
    EXPECT_TRUE(patterns({"*", "!src/**/*.c"}).prunable("doc"));
    EXPECT_FALSE(patterns({"*", "!**/*.md"}).prunable("doc"));
    EXPECT_FALSE(patterns({"*", "!**keep"}).prunable("doc"));
    EXPECT_FALSE(patterns({"*", "!*/a"}).prunable("doc"));
    EXPECT_TRUE(patterns({"*", "!*/a"}).prunable("doc/b"));
    // An exception in front of what leaves the folder out cannot take back.
    EXPECT_TRUE(patterns({"!docs/README.md", "docs"}).prunable("docs"));
    EXPECT_FALSE(patterns({"docs", "!docs"}).prunable("docs"));
    EXPECT_TRUE(patterns({"docs", "!docs", "docs/api"}).prunable("docs/api"));
}

TEST(Patterns, pruning_never_changes_the_result) {
    const std::vector<std::string> texts = {"a", "*", "**", "a/b", "**/b", "a/*", "*/b", "a**", "**b", "a/**/c"};
    const std::vector<std::string> folders = {"a", "b", "a/b", "b/a", "a/a"};
    const std::vector<std::string> below = {"a", "b", "c", "a/b", "b/c", "a/b/c"};
    for (const std::string& first : texts)
        for (const std::string& second : texts)
            for (const std::string& third : texts) {
                const Patterns three = patterns({first, "!" + second, third});
                const Patterns two = patterns({first, "!" + second});
                for (const Patterns* set : {&two, &three})
                    for (const std::string& folder : folders) {
                        if (!set->prunable(folder)) continue;
                        for (const std::string& path : below)
                            ASSERT_TRUE(set->matches(folder + "/" + path))
                                << first << " !" << second << " " << third << ": " << folder << "/" << path;
                    }
            }
}
