// The programs in this kernel: packets by BPF_PROG_RUN.
#include "programs.hpp"

using namespace gantry;
using namespace gantry::policy;

TEST_F(PolicyPrograms, TheLongestPrefixDecidesAndAddsUp) {
    rules({"10.0.0.0/8:80/tcp", "10.1.0.0/16:443/tcp", "10.1.2.3", "192.0.2.0/24:8000-8010/udp"});
    EXPECT_EQ(ask("10.9.9.9", 80), 1);
    EXPECT_EQ(ask("10.9.9.9", 443), -POLICY_OTHER_PORT);
    EXPECT_EQ(ask("10.1.9.9", 443), 2);
    EXPECT_EQ(ask("10.1.9.9", 80), 1);
    EXPECT_EQ(ask("10.1.2.3", 9999), 3);
    EXPECT_EQ(ask("10.1.2.3", 0, IPPROTO_ICMP), 3);
    EXPECT_EQ(ask("11.0.0.1", 80), -POLICY_NO_RULE);
    for (const std::uint16_t port : {7999, 8000, 8005, 8010, 8011})
        EXPECT_EQ(ask("192.0.2.7", port, IPPROTO_UDP), port >= 8000 && port <= 8010 ? 4 : -POLICY_OTHER_PORT) << port;
    EXPECT_EQ(ask("192.0.2.7", 8000, IPPROTO_TCP), -POLICY_OTHER_PORT);
}

TEST_F(PolicyPrograms, FamiliesDoNotMix) {
    rules({"[::/0]:443/tcp", "192.0.2.1"});
    EXPECT_EQ(ask("2001:db8::1", 443), 1);
    EXPECT_EQ(ask("2001:db8::1", 80), -POLICY_OTHER_PORT);
    EXPECT_EQ(ask("198.51.100.1", 443), -POLICY_NO_RULE);
    EXPECT_EQ(ask("192.0.2.1", 443), 2);
}

TEST_F(PolicyPrograms, TheWorldIsWhatIsNotInside) {
    rules({"world:443/tcp", "10.88.0.0/16:80/tcp"});
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
    EXPECT_EQ(ask("2001:db8::1", 443), 1);
    EXPECT_EQ(ask("10.88.0.7", 443), -POLICY_OTHER_PORT);
    EXPECT_EQ(ask("10.88.0.7", 80), 2);
}

TEST_F(PolicyPrograms, NothingAndEverything) {
    rules({});
    EXPECT_EQ(ask("198.51.100.1", 443), -POLICY_NO_RULE);
    EXPECT_EQ(ask("2001:db8::1", 0, IPPROTO_ICMPV6), -POLICY_NO_RULE);
    const auto verdict = programs->test({applied.owner, applied.policy, 0}, POLICY_EGRESS,
                                        {config::Prefix::parse("1.1.1.1").value(), IPPROTO_TCP, 1});
    ASSERT_TRUE(verdict.ok());
    EXPECT_TRUE(verdict->allowed);
}

TEST_F(PolicyPrograms, IcmpIsAProtocolOfItsOwn) {
    rules({"192.0.2.0/24/icmp", "[2001:db8::/32]/icmp"});
    EXPECT_EQ(ask("192.0.2.7", 0, IPPROTO_ICMP), 1);
    EXPECT_EQ(ask("192.0.2.7", 80), -POLICY_OTHER_PORT);
    EXPECT_EQ(ask("2001:db8::1", 0, IPPROTO_ICMPV6), 2);
}

TEST_F(PolicyPrograms, AThousandRules) {
    std::vector<std::string> texts;
    for (int i = 0; i < 1000; ++i) texts.push_back(fmt::format("10.{}.{}.0/24:{}/tcp", i / 250, i % 250, 1000 + i));
    rules(texts);
    for (const int i : {0, 1, 499, 999}) {
        EXPECT_EQ(ask(fmt::format("10.{}.{}.9", i / 250, i % 250).c_str(), static_cast<std::uint16_t>(1000 + i)), i + 1);
        EXPECT_EQ(ask(fmt::format("10.{}.{}.9", i / 250, i % 250).c_str(), static_cast<std::uint16_t>(999 + i)),
                  -POLICY_OTHER_PORT);
    }
}
