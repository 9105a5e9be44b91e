#include "policy/applied.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

using namespace gantry;
using namespace gantry::policy;

namespace {

Applied sample() {
    Applied applied;
    applied.owner = 17;
    applied.policy = 4711;
    applied.cgroup = 93412;
    applied.rules.egress.emplace(
        {config::parse_policy_rule("web:80/tcp").value(), config::parse_policy_rule("world:443").value()});
    applied.rules.ingress.emplace();
    applied.rules.listen.emplace({config::parse_listen_port("80").value()});
    applied.egress = {{config::Prefix::parse("10.88.0.3").value(), 1, applied.rules.egress->front().ports},
                      {config::Prefix::parse("127.0.0.0/8").value(), 0, {}},
                      {config::Prefix::parse("10.88.0.1").value(), 0, {{IPPROTO_UDP, 53, 53}}}};
    applied.inside = {config::Prefix::parse("10.88.0.0/16").value()};
    return applied;
}

}  // namespace

TEST(PolicyApplied, ReadsBackToTheSameTables) {
    const Applied applied = sample();
    const auto again = Applied::parse(applied.text());
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(again->text(), applied.text());
    EXPECT_EQ(again->egress, applied.egress);
    EXPECT_EQ(again->flags(), std::uint32_t{POLICY_HAS_EGRESS | POLICY_HAS_INGRESS | POLICY_HAS_LISTEN});
    const Tables a = applied.tables(), b = again->tables();
    ASSERT_EQ(a.targets.size(), b.targets.size());
    for (std::size_t i = 0; i < a.targets.size(); ++i)
        EXPECT_EQ(std::memcmp(&a.targets[i].first, &b.targets[i].first, sizeof a.targets[i].first), 0);
    EXPECT_EQ(a.ports.size(), b.ports.size());
}

TEST(PolicyApplied, BrokenFilesAreToldByTheirLine) {
    const std::pair<std::string, const char*> cases[] = {
        {"", "no number"},
        {"owner 1\npolicy x\n", "line 2"},
        {"owner 1\npolicy 2\nwhat 3\n", "'what' is not known"},
        {"owner 1\npolicy 2\ngrant egress 10.0.0.1 5\n", "rule 5 does not exist"},
        {"owner 1\npolicy 2\ngrant sideways 10.0.0.1 0\n", "not a grant"},
        {"owner 1\npolicy 2\nnetns other\n", "line 3"},
        {"owner 99999999999\n", "line 1"},
    };
    for (const auto& [text, why] : cases) {
        const auto applied = Applied::parse(text);
        ASSERT_FALSE(applied.ok()) << text;
        EXPECT_EQ(applied.error().code(), Errc::corrupt);
        EXPECT_THAT(applied.error().message(), testing::HasSubstr(why));
    }
}
