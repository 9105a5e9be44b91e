#include "filter_tables.hpp"

#include "elements.hpp"
#include "ruleset.hpp"

#include "os/file.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace gantry::net {

namespace {

constexpr const char* table = "filter";

struct Chain {
    std::uint8_t family;
    const char* family_name;
    const char* name;
};
constexpr std::array chains{Chain{NFPROTO_IPV4, "ip", "FORWARD"}, Chain{NFPROTO_IPV4, "ip", "INPUT"},
                            Chain{NFPROTO_IPV6, "ip6", "FORWARD"}, Chain{NFPROTO_IPV6, "ip6", "INPUT"}};

struct Rule {
    std::uint64_t handle = 0;
    std::string comment;
};

// Which of our rules one is, its comment says: "gantry BRIDGE WHAT".
std::string mark_of(const NetworkPlan& network) { return fmt::format("gantry {} ", network.bridge); }

// In words that iptables understands too: its lists stay readable.
std::vector<std::pair<std::string, std::string>> wanted_rules(const Chain& chain, const NetworkPlan& network,
                                                              const std::vector<std::uint16_t>& ports) {
    const std::string& bridge = network.bridge;
    std::vector<std::pair<std::string, std::string>> rules;
    if (chain.name == std::string_view("FORWARD")) {
        rules.emplace_back("from", fmt::format("iifname \"{}\"", bridge));
        rules.emplace_back("to", fmt::format("oifname \"{}\"", bridge));
        // Frames on further bridges, where br_netfilter is loaded.
        rules.emplace_back("within", fmt::format("iifname \"{}-*\"", bridge));
        return rules;
    }
    std::vector<std::uint16_t> all{53};
    all.insert(all.end(), ports.begin(), ports.end());
    for (const std::uint16_t port : all)
        for (const char* protocol : {"udp", "tcp"})
            rules.emplace_back(fmt::format("{} {}", protocol, port),
                               fmt::format("iifname \"{}\" {} dport {}", bridge, protocol, port));
    return rules;
}

class Tables {
public:
    static Result<Tables> open() { return Tables(TRY(os::NetlinkSocket::open(NETLINK_NETFILTER))); }

    // Whether packets are dropped that reach its end.
    Result<bool> drops(const Chain& chain) {
        std::uint32_t policy = NF_ACCEPT;
        auto got = netfilter_.request(get_chain(chain.family, table, chain.name), "look at table 'filter'",
                                      [&](const os::NetlinkReply& reply) {
                                          const auto value = reply.attribute(sizeof(nfgenmsg), {NFTA_CHAIN_POLICY});
                                          if (!value.empty()) policy = ntohl(os::attribute_value<std::uint32_t>(value));
                                      });
        if (!got.ok() && got.error().sys() == ENOENT) return false;
        TRY(std::move(got));
        return policy == NF_DROP;
    }

    // Those with the mark.
    Result<std::vector<Rule>> rules(const Chain& chain, const std::string& mark) {
        std::vector<Rule> found;
        auto listed = netfilter_.dump([&] { return list_rules(chain.family, table, chain.name); },
                                      "list rules of table 'filter'", [&] { found.clear(); },
                                      [&](const os::NetlinkReply& reply) {
                                          Rule rule;
                                          rule.comment = comment_of(reply.attribute(sizeof(nfgenmsg), {NFTA_RULE_USERDATA}));
                                          const auto handle = reply.attribute(sizeof(nfgenmsg), {NFTA_RULE_HANDLE});
                                          rule.handle = be64toh(os::attribute_value<std::uint64_t>(handle));
                                          if (rule.comment.starts_with(mark)) found.push_back(std::move(rule));
                                      });
        if (!listed.ok() && listed.error().sys() != ENOENT) return std::move(listed).error();
        return found;
    }

private:
    explicit Tables(os::NetlinkSocket netfilter) : netfilter_(std::move(netfilter)) {}
    os::NetlinkSocket netfilter_;
};

std::string removal(const Chain& chain, const std::vector<Rule>& rules) {
    std::string text;
    for (const Rule& rule : rules)
        text += fmt::format("delete rule {} {} {} handle {}\n", chain.family_name, table, chain.name, rule.handle);
    return text;
}

// nft's text for what has to change; empty: nothing.
Result<std::string> changes(const NetworkPlan& network, const std::vector<std::uint16_t>& ports, bool again) {
    std::string text;
    const std::string mark = mark_of(network);
    // It could not be quoted, or would be a pattern.
    if (network.bridge.find_first_of("\"\\*") != std::string::npos) return text;
    Tables tables = TRY(Tables::open());
    for (const Chain& chain : chains) {
        if (!TRY(tables.drops(chain))) continue;
        std::vector<Rule> there = TRY(tables.rules(chain, mark));
        if (again) text += removal(chain, std::exchange(there, {}));
        for (const auto& [what, match] : wanted_rules(chain, network, ports))
            if (std::ranges::find(there, mark + what, &Rule::comment) == there.end())
                text += fmt::format("add rule {} {} {} {} counter accept comment \"{}{}\"\n", chain.family_name, table,
                                    chain.name, match, mark, what);
    }
    return text;
}

Result<os::Fd> lock(const Journal& journal) {
    TRY(os::make_dirs(journal.folder(), 0755));
    return os::lock_file(journal.folder() + "/.firewall");
}

}  // namespace

Result<> pass_filter_tables(const Journal& journal, const NetworkPlan& network, const std::vector<std::uint16_t>& ports,
                            bool again) {
    if (TRY(changes(network, ports, again)).empty()) return {};
    // Two starts at once would add them twice.
    const os::Fd locked = TRY(lock(journal));
    Result<> done;
    // Whoever manages the tables takes no such lock: once more where a rule or chain has gone in between.
    for (int attempt = 0; attempt < 3; ++attempt) {
        const std::string text = TRY(changes(network, ports, again));
        done = text.empty() ? Result<>() : load_ruleset(text, "rules of table 'filter'");
        if (done.ok()) break;
    }
    return done;
}

Result<> leave_filter_tables(const Journal& journal, const NetworkPlan& network) {
    Tables tables = TRY(Tables::open());
    std::string text;
    for (const Chain& chain : chains) text += removal(chain, TRY(tables.rules(chain, mark_of(network))));
    if (text.empty()) return {};
    const os::Fd locked = TRY(lock(journal));
    return load_ruleset(text, "rules of table 'filter'");
}

}  // namespace gantry::net
