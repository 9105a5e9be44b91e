#include "trace.hpp"

#include "plan.hpp"
#include "ruleset.hpp"

#include "os/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

namespace gantry::net {

namespace {

constexpr const char* check_table = "gantry_check";
// How long nothing is to come before the trace is whole: a veth's queue is behind the packet, no more.
constexpr int quiet_milliseconds = 100;

const char* family_text(std::uint8_t family) {
    switch (family) {
    case NFPROTO_IPV4: return "ip";
    case NFPROTO_IPV6: return "ip6";
    case NFPROTO_ARP: return "arp";
    case NFPROTO_BRIDGE: return "bridge";
    case NFPROTO_NETDEV: return "netdev";
    default: return "inet";
    }
}

std::string rules_text(const ProbePacket& packet, const Address& target, std::uint16_t target_port) {
    const bool v4 = packet.source.family == Family::v4;
    const char *ip = v4 ? "ip" : "ip6", *protocol = protocol_name(packet.protocol);
    const std::string ours = fmt::format("{} saddr {} {} sport {}", ip, packet.source.str(), protocol, packet.source_port);
    // Resets, and ICMP errors about it: the source port is behind ICMP's and the inner IP header.
    const std::string answer = fmt::format("{} daddr {} {} dport {}", ip, packet.source.str(), protocol, packet.source_port);
    const std::string refusal = fmt::format("{} daddr {} meta l4proto {} @th,{},16 {}", ip, packet.source.str(),
                                            v4 ? "icmp" : "icmpv6", 64 + 8 * (v4 ? 20 : 40), packet.source_port);
    const std::string arrived = fmt::format("{} daddr {} {} dport {}", ip, target.str(), protocol, target_port);
    return fmt::format(
        "table inet {0} {{\n"
        "  flags owner\n"
        "  chain start {{\n    type filter hook prerouting priority -500\n    {1} meta nftrace set 1\n  }}\n"
        "  chain answers {{\n    type filter hook output priority -500\n    {2} drop\n    {3} drop\n  }}\n"
        "  chain here {{\n    type filter hook input priority 2147483647\n    {1} drop\n  }}\n"
        "  chain there {{\n    type filter hook postrouting priority 2147483645\n    {1} {4} drop\n  }}\n"
        "  chain elsewhere {{\n    type filter hook postrouting priority 2147483646\n"
        "    oifname != \"gtr-in0\" {1} drop\n  }}\n"
        "}}\n",
        check_table, ours, answer, refusal, arrived);
}

}  // namespace

struct PacketTrace::Step {
    std::string table, chain;
    std::uint8_t family = NFPROTO_INET;
    std::uint32_t type = NFT_TRACETYPE_UNSPEC;
    std::uint64_t rule = 0;
    std::int32_t verdict = NFT_CONTINUE;
    unsigned out = 0;  // index of the interface that it leaves by

    [[nodiscard]] bool is(std::string_view wanted_table, std::string_view wanted_chain) const {
        return table == wanted_table && chain == wanted_chain;
    }
};

PacketTrace::PacketTrace(std::unique_ptr<Nft> nft, os::Fd socket) : nft_(std::move(nft)), socket_(std::move(socket)) {}
PacketTrace::PacketTrace(PacketTrace&&) noexcept = default;
PacketTrace& PacketTrace::operator=(PacketTrace&&) noexcept = default;
PacketTrace::~PacketTrace() = default;

Result<PacketTrace> PacketTrace::open(const ProbePacket& packet, const Address& target, std::uint16_t target_port) {
    auto nft = std::make_unique<Nft>(TRY(Nft::open()));
    os::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!socket) return errno_error("open a netlink socket");
    const int group = NFNLGRP_NFTRACE;
    sockaddr_nl any{};  // bound, because to one without a number the kernel tells nothing (do_one_broadcast, af_netlink.c)
    any.nl_family = AF_NETLINK;
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        return errno_error("listen to the firewall's trace");
    TRY(nft->run(rules_text(packet, target, target_port), fmt::format("table 'inet {}'", check_table)));
    return PacketTrace(std::move(nft), std::move(socket));
}

Result<std::vector<PacketTrace::Step>> PacketTrace::steps() {
    std::vector<Step> steps;
    std::vector<char> buffer(64 << 10);
    for (;;) {
        pollfd ready{socket_.get(), POLLIN, 0};
        const int count = poll(&ready, 1, quiet_milliseconds);
        if (count < 0 && errno != EINTR) return errno_error("wait for the firewall's trace");
        if (count == 0) return steps;
        sockaddr_nl from{};
        socklen_t size = sizeof from;
        const ssize_t got =
            recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return errno_error("read the firewall's trace");
        if (from.nl_pid != 0) continue;
        int left = static_cast<int>(got);
        for (auto* at = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(at, static_cast<unsigned>(left));
             at = NLMSG_NEXT(at, left)) {
            const os::NetlinkReply reply(at);
            const auto* header = reply.header<nfgenmsg>();
            if (at->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) || !header) continue;
            const auto number = [&](std::initializer_list<int> path) {
                return ntohl(os::attribute_value<std::uint32_t>(reply.attribute(sizeof *header, path)));
            };
            Step step;
            step.family = header->nfgen_family;
            step.table = os::attribute_text(reply.attribute(sizeof *header, {NFTA_TRACE_TABLE}));
            step.chain = os::attribute_text(reply.attribute(sizeof *header, {NFTA_TRACE_CHAIN}));
            step.type = number({NFTA_TRACE_TYPE});
            step.rule = be64toh(os::attribute_value<std::uint64_t>(reply.attribute(sizeof *header, {NFTA_TRACE_RULE_HANDLE})));
            step.verdict =
                static_cast<std::int32_t>(step.type == NFT_TRACETYPE_POLICY ? number({NFTA_TRACE_POLICY})
                                                                            : number({NFTA_TRACE_VERDICT, NFTA_VERDICT_CODE}));
            step.out = number({NFTA_TRACE_OIF});
            steps.push_back(std::move(step));
        }
    }
}

std::string PacketTrace::describe(const Step& step) {
    const std::string place = fmt::format("table {} {}, chain {}", family_text(step.family), step.table, step.chain);
    if (step.type == NFT_TRACETYPE_POLICY)
        return fmt::format("{}: policy {}", place, step.verdict == NF_DROP ? "drop" : "accept");
    std::istringstream lines(
        nft_->run(fmt::format("list chain {} {} {}", family_text(step.family), step.table, step.chain), "chain").value_or(""));
    const std::string mark = fmt::format(" # handle {}", step.rule);
    for (std::string line; std::getline(lines, line);)
        if (line.ends_with(mark)) {
            line.resize(line.size() - mark.size());
            return fmt::format("{}: {}", place, line.substr(std::min(line.size(), line.find_first_not_of(" \t"))));
        }
    return fmt::format("{}: rule with handle {}", place, step.rule);
}

Result<PacketTrace::Outcome> PacketTrace::read(bool translated) {
    const auto taken = TRY(steps());
    if (taken.empty()) return error(Errc::unsupported, "the packet left no trace: nftables does not see it, or another traces");
    // Who let it in: the last rule of others, else the last policy, after the host's addresses were looked up (chain
    // `outside`).
    const Step *rule = nullptr, *policy = nullptr, *last = nullptr;
    bool let_in = false;  // by the host's input chains: what comes after is the way to the container
    const auto reached = [&] {
        const Step* decided = rule ? rule : policy;
        return Outcome{true, decided ? describe(*decided) : "nothing is in its way"};
    };
    for (const Step& step : taken) {
        if (step.table == check_table) {
            if (step.chain == "there") return reached();
            if (step.chain == "here")
                return Outcome{false,
                               "nothing translates it, it ends at the host itself: `gantry network reload` puts rules back"};
            if (step.chain == "elsewhere") {
                char name[IF_NAMESIZE] = "?";
                if_indextoname(step.out, name);
                return Outcome{false, fmt::format("it is sent out by interface '{}'", name)};
            }
            continue;
        }
        last = &step;
        if (step.table == "gantry" && step.family != NFPROTO_INET) continue;  // the original of what goes on in again
        if (step.verdict == NF_DROP && step.type != NFT_TRACETYPE_RETURN) return Outcome{false, describe(step)};
        let_in = let_in || step.is("gantry", "detour");
        if (let_in && translated) return reached();
        if (let_in) continue;
        if (step.table == "gantry" && (step.chain == "outside" || step.chain.starts_with("publish"))) rule = policy = nullptr;
        if (step.table == "gantry" || step.verdict != NF_ACCEPT) continue;
        (step.type == NFT_TRACETYPE_POLICY ? policy : rule) = &step;
    }
    return Outcome{false, last ? fmt::format("the kernel's routing (rp_filter, no route) behind {}", describe(*last))
                               : "the kernel's routing (rp_filter, a source that cannot be)"};
}

}  // namespace gantry::net
