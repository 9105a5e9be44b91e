// What the rules become; what the kernel makes of it is programs_test.cpp's.
#include "policy/tables.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

using namespace gantry;
using namespace gantry::policy;
using config::PortSpan;
using config::Prefix;

namespace {

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

const policy_target* target_of(const Tables& tables, const char* text) {
    const Prefix wanted = prefix(text);
    for (const auto& [key, target] : tables.targets)
        if (key.prefixlen == POLICY_SCOPE_BITS + wanted.length && std::ranges::equal(key.address, wanted.address))
            return &target;
    return nullptr;
}

std::size_t ports_of(const Tables& tables, std::uint32_t set) {
    return static_cast<std::size_t>(
        std::ranges::count_if(tables.ports, [&](const auto& entry) { return entry.first.set == set; }));
}

}  // namespace

TEST(PolicyTables, APrefixHasWhatWiderOnesAllow) {
    const std::vector<PortSpan> web{{IPPROTO_TCP, 80, 80}}, tls{{IPPROTO_TCP, 443, 443}};
    const Tables tables =
        compile({{{prefix("10.0.0.0/8"), 1, web}, {prefix("10.1.0.0/16"), 2, tls}, {prefix("10.1.2.3"), 3, {}}}, {}, {}}, 7,
                POLICY_EGRESS);
    const auto* wide = target_of(tables, "10.0.0.0/8");
    const auto* narrow = target_of(tables, "10.1.0.0/16");
    const auto* one = target_of(tables, "10.1.2.3");
    ASSERT_TRUE(wide && narrow && one);
    EXPECT_EQ(ports_of(tables, wide->set), 1U);
    EXPECT_EQ(ports_of(tables, narrow->set), 2U);
    EXPECT_EQ(one->set, POLICY_EVERY_PORT);
    EXPECT_EQ(one->rule, 3U);
    for (const auto& [key, target] : tables.targets) EXPECT_EQ(key.scope, POLICY_SCOPE(7U, std::uint32_t{POLICY_EGRESS}));
    ASSERT_TRUE(target_of(tables, "0.0.0.0/0"));
    EXPECT_EQ(target_of(tables, "0.0.0.0/0")->set, POLICY_NOTHING);
}

TEST(PolicyTables, TheWorldEndsAtTheHost) {
    const Tables tables = compile({{}, {{{}, 1, {}}}, {prefix("10.88.0.0/16"), prefix("fd00::/64")}}, 7, POLICY_INGRESS);
    EXPECT_EQ(target_of(tables, "0.0.0.0/0")->set, POLICY_EVERY_PORT);
    EXPECT_EQ(target_of(tables, "::/0")->set, POLICY_EVERY_PORT);
    EXPECT_EQ(target_of(tables, "10.88.0.0/16")->set, POLICY_NOTHING);
    EXPECT_EQ(target_of(tables, "fd00::/64")->set, POLICY_NOTHING);
}

TEST(PolicyTables, EqualSetsAreOne) {
    std::vector<Grant> grants;
    for (int i = 0; i < 200; ++i)
        grants.push_back({prefix(fmt::format("10.0.{}.0/24", i).c_str()), 1, {{IPPROTO_TCP, 80, 80}}});
    const Tables tables = compile({grants, {}, {}}, 7, POLICY_EGRESS);
    EXPECT_EQ(tables.ports.size(), 1U);
    EXPECT_EQ(tables.targets.size(), 202U);  // and the two roots
}

TEST(PolicyTables, ARangeIsAFewPrefixes) {
    // 8000-8010 is 8000/29, 8008/31, 8010/32 in bits of a port.
    EXPECT_EQ(compile_listen({{IPPROTO_TCP, 8000, 8010}}, 7).ports.size(), 3U);
    EXPECT_EQ(compile_listen({{IPPROTO_TCP, 1, 65535}}, 7).ports.size(), 16U);
    EXPECT_EQ(compile_listen({{IPPROTO_TCP, 65535, 65535}}, 7).ports.size(), 1U);
    EXPECT_EQ(compile_listen({{IPPROTO_TCP, 0, 65535}}, 7).ports.size(), 1U);
}
