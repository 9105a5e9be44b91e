#include "cli/format/listing.hpp"

#include <gtest/gtest.h>

using namespace gantry::cli;

namespace {
const Listing listing{{{"ID", "CONTAINER ID"}, {"Names", "NAMES"}}, "{{.ID}}\t{{.Names}}", "ID"};
const std::vector<Json> rows{Json{{"ID", "0123456789ab"}, {"Names", "web"}}, Json{{"ID", "ffff"}, {"Names", "db"}}};
}  // namespace

TEST(Listing, prints_dockers_table) {
    EXPECT_EQ(print_listing(listing, {}, rows).value(), "CONTAINER ID   NAMES\n0123456789ab   web\nffff           db\n");
    EXPECT_EQ(print_listing(listing, {}, {}).value(), "CONTAINER ID   NAMES\n");
}

TEST(Listing, takes_formats) {
    EXPECT_EQ(print_listing(listing, {"", true}, rows).value(), "0123456789ab\nffff\n");
    EXPECT_EQ(print_listing(listing, {"{{.Names}}", false}, rows).value(), "web\ndb\n");
    EXPECT_EQ(print_listing(listing, {"table {{.Names}}\\t{{.ID}}", false}, rows).value(),
              "NAMES     CONTAINER ID\nweb       0123456789ab\ndb        ffff\n");
    EXPECT_EQ(print_listing(listing, {"json", false}, rows).value(),
              "{\"ID\":\"0123456789ab\",\"Names\":\"web\"}\n{\"ID\":\"ffff\",\"Names\":\"db\"}\n");
    EXPECT_FALSE(print_listing(listing, {"{{.Nope}}", false}, rows).ok());
}

TEST(Filters, combine_as_dockers_do) {
    const auto filters = Filters::parse({"name=a", "name=b", "label=x", "label=y=1"}, {"name", "label"}).value();
    EXPECT_TRUE(filters.match("name", [](const std::string& value) { return value == "b"; }));
    EXPECT_FALSE(filters.match("name", [](const std::string& value) { return value == "c"; }));
    EXPECT_TRUE(filters.match("status", [](const std::string&) { return false; }));
    EXPECT_TRUE(filters.match_labels({{"x", ""}, {"y", "1"}}));
    EXPECT_FALSE(filters.match_labels({{"x", ""}, {"y", "2"}}));
    EXPECT_FALSE(Filters::parse({"nmae=a"}, {"name"}).ok());
    EXPECT_FALSE(Filters::parse({"name"}, {"name"}).ok());
}

TEST(Listing, looks_labels_up) {
    const std::vector<Json> labelled{Json{{"ID", "1"}, {"Names", "web"}, {"Label", {{"com.example.my-app", "shop,a=b"}}}},
                                     Json{{"ID", "2"}, {"Names", "db"}, {"Label", Json::object()}}};
    EXPECT_EQ(print_listing(listing, {"{{.ID}}={{.Label \"com.example.my-app\"}}", false}, labelled).value(),
              "1=shop,a=b\n2=\n");
    EXPECT_EQ(print_listing(listing, {"{{if eq (.Label \"com.example.my-app\") \"\"}}{{.ID}}{{end}}", false}, labelled).value(),
              "\n2\n");
    EXPECT_EQ(print_listing(listing, {"table {{.ID}}\t{{.Label \"com.example.my-app\"}}", false}, labelled).value(),
              "CONTAINER ID   my app\n1              shop,a=b\n2              \n");
    // No field of its own: JSON has what Docker's has.
    EXPECT_EQ(print_listing(listing, {"json", false}, {labelled[0]}).value(), "{\"ID\":\"1\",\"Names\":\"web\"}\n");
    EXPECT_EQ(print_listing(listing, {"{{json .}}", false}, {labelled[0]}).value(), "{\"ID\":\"1\",\"Names\":\"web\"}\n");
    EXPECT_FALSE(print_listing(listing, {"{{.Lable \"x\"}}", false}, labelled).ok());
}

TEST(Filters, names_are_patterns) {
    EXPECT_TRUE(matches_pattern("web", "web"));
    EXPECT_TRUE(matches_pattern("we", "my-web-2"));
    EXPECT_TRUE(matches_pattern("^web$", "web"));
    EXPECT_FALSE(matches_pattern("^web$", "web2"));
    EXPECT_TRUE(matches_pattern("^(web|db)-[0-9]+$", "db-17"));
    EXPECT_FALSE(matches_pattern("web(", "web"));  // no pattern, and no name either
    EXPECT_TRUE(matches_pattern("web(", "web("));
}
