// The text of rules: core/config/policy.hpp.
#include "config/policy.hpp"

#include "config/reader.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

using namespace gantry;
using namespace gantry::config;
using Peer = PolicyRule::Peer;

TEST(PolicyRules, PeersPortsAndProtocols) {
    struct Case {
        const char* text;
        Peer peer;
        const char* name;  // or the prefix
        std::vector<PortSpan> ports;
    };
    const std::uint8_t tcp = IPPROTO_TCP, udp = IPPROTO_UDP, sctp = IPPROTO_SCTP;
    const std::vector<Case> cases = {
        {"10.0.0.0/8:5432/tcp", Peer::prefix, "10.0.0.0/8", {{tcp, 5432, 5432}}},
        {"10.0.0.0/8", Peer::prefix, "10.0.0.0/8", {}},
        {"192.0.2.7:80", Peer::prefix, "192.0.2.7", {{tcp, 80, 80}, {udp, 80, 80}, {sctp, 80, 80}}},
        {"[fd00::/8]:443/udp", Peer::prefix, "fd00::/8", {{udp, 443, 443}}},
        {"fd00::1", Peer::prefix, "fd00::1", {}},
        {"::/0", Peer::prefix, "::/0", {}},
        {"0.0.0.0/0/tcp", Peer::prefix, "0.0.0.0/0", {{tcp, 0, 65535}}},
        {"web", Peer::container, "web", {}},
        {"app-*:80,8000-8010/tcp", Peer::container, "app-*", {{tcp, 80, 80}, {tcp, 8000, 8010}}},
        {"label:tier=db:5432/tcp", Peer::label, "tier=db", {{tcp, 5432, 5432}}},
        {"label:tier", Peer::label, "tier", {}},
        {"network:back:1/udp", Peer::network, "back", {{udp, 1, 1}}},
        {"dns:API.Example.com.:443/tcp", Peer::dns, "api.example.com", {{tcp, 443, 443}}},
        {"dns:*.example.com", Peer::dns, "*.example.com", {}},
        {"world/icmp", Peer::world, "", {{IPPROTO_ICMP, 0, 65535}, {IPPROTO_ICMPV6, 0, 65535}}},
        {"host:53/udp", Peer::host, "", {{udp, 53, 53}}},
    };
    for (const Case& one : cases) {
        const auto rule = parse_policy_rule(one.text);
        ASSERT_TRUE(rule.ok()) << one.text << ": " << rule.error().message();
        EXPECT_EQ(rule->peer, one.peer) << one.text;
        EXPECT_EQ(rule->peer == Peer::prefix ? rule->prefix.str() : rule->name, one.name) << one.text;
        EXPECT_EQ(rule->ports, one.ports) << one.text;
        EXPECT_EQ(rule->text, one.text);
    }
}

TEST(PolicyRules, WhatIsWrongIsTold) {
    const std::pair<const char*, const char*> cases[] = {{"", "PEER"},
                                                         {"10.0.0.1/8", "bits of the host"},
                                                         {"10.0.0.0/33", "prefix"},
                                                         {"10.0.0.0.0", "not an IP address"},
                                                         {"web:0", "port"},
                                                         {"web:80-79", "port"},
                                                         {"web:x", "port"},
                                                         {"web:70000", "port"},
                                                         {"web:80/icmp", "no ports"},
                                                         {"a b", "neither"},
                                                         {"label:", "key"},
                                                         {"network:", "network"},
                                                         {"fd00::zz", "not an IP address"},
                                                         {"[fd00::1", "not an IP"},
                                                         {"dns:", "DNS name"},
                                                         {"dns:a..b:443", "DNS name"},
                                                         {"dns:*:443", "DNS name"},
                                                         {"dns:a.*.com", "DNS name"},
                                                         {"web\n:80", "neither"}};
    for (const auto& [text, why] : cases) {
        const auto rule = parse_policy_rule(text);
        ASSERT_FALSE(rule.ok()) << text;
        EXPECT_THAT(rule.error().message(), testing::HasSubstr(why)) << text;
    }
    EXPECT_FALSE(parse_ingress_rule("dns:example.com:443").ok());
    EXPECT_FALSE(parse_listen_port("80/icmp").ok());
    EXPECT_FALSE(parse_listen_port("0/tcp").ok());
    EXPECT_EQ(listen_text(parse_listen_port("8000-8010/udp").value()), "8000-8010/udp");
}

TEST(PolicyRules, OneFamilyDoesNotCoverTheOther) {
    const auto prefix = [](const char* text) { return Prefix::parse(text).value(); };
    EXPECT_TRUE(prefix("10.0.0.0/8").covers(prefix("10.1.2.3")));
    EXPECT_FALSE(prefix("10.0.0.0/8").covers(prefix("11.1.2.3")));
    EXPECT_FALSE(prefix("::/0").covers(prefix("10.1.2.3")));
    EXPECT_TRUE(prefix("::/0").covers(prefix("fd00::1")));
    EXPECT_FALSE(prefix("10.1.2.3").covers(prefix("10.0.0.0/8")));
}

TEST(PolicyRules, TheSectionOfADefinitionReadsBack) {
    const std::string text =
        "image = \"a\"\n[network]\nmode = \"host\"\n[network.policy]\negress = [\"web:80/tcp\", \"world\"]\ningress = "
        "[]\nlisten = [\"80\"]\n";
    const auto definition = parse_definition(text, "x.toml");
    ASSERT_TRUE(definition.ok()) << definition.error().message();
    EXPECT_EQ(definition->network_mode, NetworkMode::host);
    ASSERT_TRUE(definition->policy.egress && definition->policy.ingress && definition->policy.listen);
    EXPECT_EQ(definition->policy.egress->size(), 2U);
    EXPECT_TRUE(definition->policy.ingress->empty());
    const auto again = parse_definition(write_definition(*definition), "y.toml");
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(*again, *definition);
}

TEST(PolicyRules, MistakesOfTheSectionHaveTheirPlace) {
    const auto failure = [](const std::string& text) {
        const auto definition = parse_definition("image = \"a\"\n" + text, "x.toml");
        return definition.ok() ? "" : definition.error().message();
    };
    EXPECT_THAT(failure("[network.policy]\negress = [\"10.0.0.1/8\"]\n"), testing::HasSubstr("x.toml:3:11"));
    EXPECT_THAT(failure("[network.policy]\nergess = []\n"), testing::HasSubstr("did you mean 'egress'"));
    EXPECT_THAT(failure("[network.policy]\negress = []\n[security]\nprivileged = true\n"), testing::HasSubstr("get around"));
    EXPECT_THAT(failure("[network.policy]\ningress = []\n[security]\ncap_add = [\"CAP_NET_RAW\"]\n"),
                testing::HasSubstr("NET_RAW"));
    EXPECT_EQ(failure("[network.policy]\negress = []\n[[networks]]\nname = \"bb\"\n"), "");
    EXPECT_THAT(failure("[network]\nmode = \"cc\"\n[[networks]]\nname = \"bb\"\n"), testing::HasSubstr("cannot be combined"));
}
