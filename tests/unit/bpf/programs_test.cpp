// The programs in this kernel: packets by BPF_PROG_RUN, over rules as users write them. Needs root and a bpffs of its own.
#include "policy/programs.hpp"

#include "policy/applied.hpp"
#include "policy/loader.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

using namespace gantry;
using namespace gantry::policy;

namespace {

class PolicyPrograms : public testing::Test {
protected:
    static void SetUpTestSuite() {
        char name[] = "/tmp/gantry-bpf-XXXXXX";
        folder = mkdtemp(name);
        if (geteuid() != 0 || mount("bpf", folder.c_str(), "bpf", 0, nullptr) != 0) why = "needs root and a bpffs";
    }
    static void TearDownTestSuite() {
        umount2(folder.c_str(), MNT_DETACH);
        std::filesystem::remove(folder);
    }
    void SetUp() override {
        if (!why.empty()) GTEST_SKIP() << why;
        auto opened = Programs::open(folder + "/gantry", load);
        ASSERT_TRUE(opened.ok()) << opened.error().message();
        programs = std::make_unique<Programs>(std::move(opened).value());
    }
    void TearDown() override {
        if (programs) ASSERT_TRUE(programs->erase(applied.tables()).ok());
    }

    void rules(const std::vector<std::string>& egress) {
        applied.owner = applied.policy = 4711;
        applied.rules.egress.emplace();
        for (const auto& text : egress) {
            auto parsed = config::parse_policy_rule(text);
            ASSERT_TRUE(parsed.ok()) << parsed.error().message();
            applied.rules.egress->push_back(std::move(parsed).value());
            const auto& rule = applied.rules.egress->back();
            if (rule.peer == config::PolicyRule::Peer::prefix)
                applied.egress.push_back({rule.prefix, static_cast<std::uint32_t>(applied.rules.egress->size()), rule.ports});
        }
        applied.inside = {config::Prefix::parse("10.88.0.0/16").value()};
        ASSERT_TRUE(programs->put(applied.tables()).ok());
    }
    // The number of the rule that allows it, 0 - reason where none does.
    int ask(const char* address, std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
        const auto verdict = programs->test(applied.policy, applied.flags(), POLICY_EGRESS,
                                            {config::Prefix::parse(address).value(), protocol, port});
        EXPECT_TRUE(verdict.ok()) << verdict.error().message();
        if (!verdict.ok()) return -100;
        return verdict->allowed ? static_cast<int>(verdict->rule) : -static_cast<int>(verdict->reason);
    }

    static inline std::string folder, why;
    std::unique_ptr<Programs> programs;
    Applied applied;
};

}  // namespace

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
    const auto verdict =
        programs->test(applied.policy, 0, POLICY_EGRESS, {config::Prefix::parse("1.1.1.1").value(), IPPROTO_TCP, 1});
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
