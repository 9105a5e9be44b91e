#include "registry/rights.hpp"

#include <gtest/gtest.h>

namespace gantry::registry {
namespace {

using config::RegistryServer;

const std::optional<std::string> nobody;
const std::optional<std::string> alice = "alice", bob = "bob";

TEST(RightsTest, Patterns) {
    struct {
        const char *pattern, *name;
        bool expected;
    } table[] = {
        {"a", "a", true},
        {"a", "ab", false},
        {"a*", "ab", true},
        {"a*", "a", true},
        {"a*", "a/b", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/**", "a/b/c", true},
        {"a/**", "a", false},
        {"**", "", true},
        {"**", "a/b/c", true},
        {"*", "a/b", false},
        {"**/c", "a/b/c", true},
        {"**/b*", "a/b/c", false},
        {"**/*c", "a/b/xc", true},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"*/b*c", "a/bxxc", true},
        {"*a*b*", "xxaxxbxx", true},
        {"*a*b*", "xxbxxaxx", false},
        {"", "", true},
        {"", "a", false},
        {"a**z", "a/b/z", true},
        {"*x**y", "ax/b/y", true},
        {"**a**b", "xaxxb", true},
        {"***", "a/b", true},
    };
    for (const auto& row : table) EXPECT_EQ(matches(row.pattern, row.name), row.expected) << row.pattern << " " << row.name;
}

// Time must not explode, whatever an administrator writes.
TEST(RightsTest, ManyStars) {
    std::string pattern, name(200, 'a');
    for (int at = 0; at < 60; ++at) pattern += "a*";
    EXPECT_FALSE(matches(pattern + "b", name));
    EXPECT_TRUE(matches(pattern, name));
}

TEST(RightsTest, WithoutRules) {
    RegistryServer open;
    EXPECT_TRUE(may(open, nobody, "a", Right::write));
    EXPECT_TRUE(open_to_anonymous(open));
    RegistryServer logins;
    logins.htpasswd = "/x";
    EXPECT_FALSE(may(logins, nobody, "a", Right::read));
    EXPECT_TRUE(may(logins, bob, "a", Right::write));
    EXPECT_FALSE(open_to_anonymous(logins));
    logins.read_only = true;
    EXPECT_TRUE(may(logins, bob, "a", Right::read));
    EXPECT_FALSE(may(logins, bob, "a", Right::write));
}

TEST(RightsTest, WithRules) {
    RegistryServer server;
    server.htpasswd = "/x";
    server.rules = {{{"public/**"}, {"anonymous"}, false}, {{"team/*"}, {"*"}, false}, {{"**"}, {"alice"}, true}};
    EXPECT_TRUE(may(server, nobody, "public/x", Right::read));
    EXPECT_TRUE(may(server, bob, "public/x", Right::read));
    EXPECT_FALSE(may(server, nobody, "public/x", Right::write));
    EXPECT_FALSE(may(server, nobody, "team/x", Right::read));
    EXPECT_TRUE(may(server, bob, "team/x", Right::read));
    EXPECT_FALSE(may(server, bob, "team/x/y", Right::read));
    EXPECT_FALSE(may(server, bob, "team/x", Right::write));
    EXPECT_TRUE(may(server, alice, "secret", Right::write));
    EXPECT_TRUE(open_to_anonymous(server));
    // No rules is not the same as an empty list of them.
    server.rules.emplace();
    EXPECT_FALSE(may(server, alice, "public/x", Right::read));
    // A user who is called like the word for nobody gets nothing by it.
    server.rules = {{{"**"}, {"*"}, true}};
    EXPECT_FALSE(may(server, nobody, "a", Right::read));
}

}  // namespace
}  // namespace gantry::registry
