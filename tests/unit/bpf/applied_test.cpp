#include "policy/applied.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <set>

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

// What holds for the sockets of its socket unit: the same rules under the next number, but what is the container's own; ports
// moved.
TEST(PolicyApplied, SocketsOfASocketUnitHaveTablesOfTheirOwn) {
    Applied applied = sample();
    applied.policy = 4710;
    applied.socket_cgroup = 5;
    applied.socket_ports = {{IPPROTO_TCP, 8080, 8082, 80}, {IPPROTO_UDP, 5300, 5300, 53}};
    applied.rules.ingress.emplace({config::parse_policy_rule("web:81-90/tcp").value(),
                                   config::parse_policy_rule("db:22/tcp").value(),
                                   config::parse_policy_rule("world:53/udp").value()});
    const auto& rules = *applied.rules.ingress;
    applied.ingress = {{config::Prefix::parse("10.88.0.3").value(), 1, rules[0].ports},
                       {config::Prefix::parse("10.88.0.4").value(), 2, rules[1].ports},
                       {config::Prefix::parse("127.0.0.0/8").value(), 0, {}}};
    const auto again = Applied::parse(applied.text());
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(again->socket_ports, applied.socket_ports);
    EXPECT_EQ(again->socket_state().policy, 4711U);
    EXPECT_EQ(again->socket_state().flags, std::uint32_t{POLICY_HAS_EGRESS | POLICY_HAS_INGRESS});
    std::set<std::pair<unsigned, unsigned>> ports;  // protocol, first port of a block
    for (const auto& [key, rule] : again->tables().ports)
        if (key.scope == POLICY_SCOPE(4711U, POLICY_INGRESS)) ports.emplace(key.protocol, key.port[0] << 8 | key.port[1]);
    EXPECT_THAT(ports, testing::ElementsAre(std::pair(unsigned{IPPROTO_TCP}, 8081U), std::pair(unsigned{IPPROTO_TCP}, 8082U),
                                            std::pair(unsigned{IPPROTO_UDP}, 5300U)));
    for (const auto& [key, target] : again->tables().targets)
        if (key.scope / 2 == 4711) {
            EXPECT_NE(target.set, POLICY_EVERY_PORT) << "the container's own";
            EXPECT_NE(key.address[12], 127) << "loopback is the host's";
        }
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
        {"owner 1\npolicy 2\nport 6 80 90\n", "'port' is not known"},
        {"owner 1\npolicy 2\nport 6 80 99999 80\n", "line 3"},
    };
    for (const auto& [text, why] : cases) {
        const auto applied = Applied::parse(text);
        ASSERT_FALSE(applied.ok()) << text;
        EXPECT_EQ(applied.error().code(), Errc::corrupt);
        EXPECT_THAT(applied.error().message(), testing::HasSubstr(why));
    }
}
