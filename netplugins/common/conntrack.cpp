#include "conntrack.hpp"

#include "os/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <set>

namespace gantry::net {

using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// What of a tuple a dump is filtered by (kernel 5.8); the numbers are the kernel's (net/netfilter/nf_internals.h).
constexpr std::uint32_t filter_ip_src = 1U << 0, filter_proto = 1U << 3, filter_dst_port = 1U << 5;

struct Filter {
    Family family = Family::v4;
    std::optional<Address> reply_source;       // the container
    std::optional<std::uint16_t> destination;  // the only host port wanted
    std::set<std::uint16_t> destinations;      // the host ports wanted; empty: all
};

NetlinkMessage entry_message(int command, Family family) {
    NetlinkMessage message(static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | command));
    message.header(nfgenmsg{static_cast<std::uint8_t>(address_family(family)), NFNETLINK_V0, 0});
    return message;
}

NetlinkMessage filter_message(int command, const Filter& filter) {
    NetlinkMessage message = entry_message(command, filter.family);
    const std::uint32_t flags =
        filter_proto | (filter.reply_source ? filter_ip_src : 0) | (filter.destination ? filter_dst_port : 0);
    message.nest(filter.reply_source ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG, [&](NetlinkMessage& tuple) {
        if (filter.reply_source)
            tuple.nest(CTA_TUPLE_IP, [&](NetlinkMessage& ip) {
                ip.put(filter.family == Family::v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, filter.reply_source->bytes());
            });
        tuple.nest(CTA_TUPLE_PROTO, [&](NetlinkMessage& protocol) {
            protocol.put_u8(CTA_PROTO_NUM, IPPROTO_UDP);
            if (filter.destination) protocol.put_u16(CTA_PROTO_DST_PORT, htons(*filter.destination));
        });
    });
    message.nest(CTA_FILTER, [&](NetlinkMessage& flag) {
        flag.put_u32(CTA_FILTER_ORIG_FLAGS, filter.reply_source ? 0 : flags);
        flag.put_u32(CTA_FILTER_REPLY_FLAGS, filter.reply_source ? flags : 0);
    });
    return message;
}

// One by one: some 30 ms on a host with a large table, as the kernel locks each of its rows.
void forget_listed(os::NetlinkSocket& socket, const Filter& filter) {
    std::vector<NetlinkMessage> removals;
    const auto consider = [&](const NetlinkReply& reply) {
        const auto tuple = reply.attribute(sizeof(nfgenmsg), {CTA_TUPLE_ORIG});
        const auto id = reply.attribute(sizeof(nfgenmsg), {CTA_ID});
        const auto port =
            os::attribute_value<std::uint16_t>(os::nested_attribute(tuple, {CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT}));
        const auto protocol = os::attribute_value<std::uint8_t>(os::nested_attribute(tuple, {CTA_TUPLE_PROTO, CTA_PROTO_NUM}));
        if (tuple.empty() || id.empty() || protocol != IPPROTO_UDP) return;
        if (!filter.destinations.empty() && !filter.destinations.contains(ntohs(port))) return;
        // With its id: an entry that came anew meanwhile is another.
        removals.push_back(entry_message(IPCTNL_MSG_CT_DELETE, filter.family));
        removals.back().put(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple).put(CTA_ID, id);
    };
    auto listed = socket.dump([&] { return filter_message(IPCTNL_MSG_CT_GET, filter); }, "list connections",
                              [&] { removals.clear(); }, consider);
    if (listed.ok() && !removals.empty()) (void)socket.exchange(removals).ok();
}

void forget(const Filter& filter) {
    auto socket = os::NetlinkSocket::open(NETLINK_NETFILTER);
    if (!socket.ok()) return;
    // In the kernel, and far cheaper, where it can filter what it flushes (6.11; before: EOPNOTSUPP, or EINVAL for the tuple).
    const bool exact = filter.destinations.size() <= 1;
    if (exact && socket->request(filter_message(IPCTNL_MSG_CT_DELETE, filter), "forget connections").ok()) return;
    forget_listed(*socket, filter);
}

bool concerns(const PortRule& rule, Family family) {
    return rule.protocol == driver::Protocol::udp && rule.target.family == family;
}

}  // namespace

void forget_connections(const std::vector<PortRule>& rules) {
    for (const Family family : {Family::v4, Family::v6}) {
        Filter filter{family, {}, {}, {}};
        for (const auto& rule : rules)
            if (concerns(rule, family)) filter.destinations.insert(rule.host_port);
        if (filter.destinations.size() == 1) filter.destination = *filter.destinations.begin();
        if (!filter.destinations.empty()) forget(filter);
    }
}

void forget_targets(const std::vector<PortRule>& rules) {
    for (const Family family : {Family::v4, Family::v6}) {
        Filter filter{family, {}, {}, {}};
        for (const auto& rule : rules)
            if (concerns(rule, family)) filter.reply_source = rule.target;
        if (filter.reply_source) forget(filter);
    }
}

}  // namespace gantry::net
