// The programs in this kernel, over rules as users write them. Needs root and a bpffs of its own.
#pragma once

#include "policy/applied.hpp"
#include "policy/loader.hpp"
#include "policy/programs.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

namespace gantry::policy {

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
        const auto verdict = programs->test({applied.owner, applied.policy, applied.flags()}, POLICY_EGRESS,
                                            {config::Prefix::parse(address).value(), protocol, port});
        EXPECT_TRUE(verdict.ok()) << verdict.error().message();
        if (!verdict.ok()) return -100;
        return verdict->allowed ? static_cast<int>(verdict->rule) : -static_cast<int>(verdict->reason);
    }

    static inline std::string folder, why;
    std::unique_ptr<Programs> programs;
    Applied applied;
};

}  // namespace gantry::policy
