// Tables of contents that somebody else wrote.
#include "image/registry/chunked_table.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gantry::image::test {

class ChunkedTableTest : public testing::Test {
protected:
    static Result<registry::ChunkedTable> parse(const std::string& entries, std::uint64_t frame = 1000) {
        return registry::parse_table(R"({"version":1,"entries":[)" + entries + "]}", frame);
    }
    static std::string file(const std::string& name, int from, int to) {
        return fmt::format(R"({{"type":"reg","name":"{}","size":10,"offset":{},"endOffset":{},"digest":"sha256:{}"}})", name,
                           from, to, std::string(64, 'a'));
    }
};

TEST_F(ChunkedTableTest, PartsCoverTheBlob) {
    const auto table = parse(file("a", 10, 50) + R"(,{"type":"dir","name":"d/"},)" + file("b", 90, 100));
    ASSERT_TRUE(table.ok()) << table.error().message();
    ASSERT_EQ(table->parts.size(), 5U);
    std::uint64_t at = 0;
    for (const auto& part : table->parts) {
        EXPECT_EQ(part.begin, at);
        EXPECT_EQ(part.data, part.begin == 10 || part.begin == 90);
        at = part.end;
    }
    EXPECT_EQ(at, 1000U);
    EXPECT_EQ(table->parts[1].key, table->parts[3].key);
    EXPECT_NE(table->parts[0].key, table->parts[2].key);
    EXPECT_EQ(table->files.size(), 2U);
}

TEST_F(ChunkedTableTest, HostileTablesAreRefused) {
    std::string many;
    for (int at = 0; at < 10'000; ++at) many += "1,";
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& entries :
         {file("a", 50, 10), file("a", 10, 10), file("a", 10, 1001), file("a", -1, 10),
          file("a", 10, 50) + "," + file("b", 40, 60), std::string(R"({"type":"chunk","offset":10})"),
          file("a", 10, 50) + R"(,{"type":"chunk","name":"a","offset":60})",
          file("a", 10, 50) + R"(,{"type":"chunk","name":"a","offset":5})", std::string("1"), std::string("[{}]"),
          std::string("null"), file("a", 10, 50) + ",2", R"({"type":"dir","x":[)" + many + "1]}", std::string(R"({"type":7})"),
          std::string(R"({"type":"reg","endOffset":"x"})"), std::string(R"({"type":"reg","endOffset":18446744073709551615})"),
          R"({"type":"dir","x":)" + deep + "}", std::string("{"), std::string("\xff")})
        EXPECT_FALSE(parse(entries).ok()) << entries.substr(0, 100);
    EXPECT_FALSE(registry::parse_table("", 10).ok());
    EXPECT_FALSE(registry::parse_table("[]", 10).ok());
    EXPECT_FALSE(registry::parse_table(R"({"entries":[]})", 10).ok());
    EXPECT_FALSE(registry::parse_table(R"({"version":2,"entries":[]})", 10).ok());
}

TEST_F(ChunkedTableTest, FilesWithSeveralNamesAreMarked) {
    const auto table =
        parse(file("a", 10, 50) + "," + file("b", 60, 90) + R"(,{"type":"hardlink","name":"c","linkName":"./a"})");
    ASSERT_TRUE(table.ok()) << table.error().message();
    ASSERT_EQ(table->files.size(), 2U);
    EXPECT_TRUE(table->files[0].has_links);
    EXPECT_FALSE(table->files[1].has_links);
}

TEST_F(ChunkedTableTest, PathsThatLeaveTheRootAreNotLookedFor) {
    const auto table = parse(file("../../etc/shadow", 10, 50));
    ASSERT_TRUE(table.ok()) << table.error().message();
    EXPECT_TRUE(table->files.empty());
}

}  // namespace gantry::image::test
