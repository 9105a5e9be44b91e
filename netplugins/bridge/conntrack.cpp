#include "conntrack.hpp"

#include "os/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <set>

namespace gantry::bridge {

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

NetlinkMessage list_message(const Filter& filter) {
    NetlinkMessage message = entry_message(IPCTNL_MSG_CT_GET, filter.family);
    const std::uint32_t flags = filter_proto | (filter.reply_source ? filter_ip_src : 0) | (filter.destination ? filter_dst_port : 0);
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

void forget(os::NetlinkSocket& socket, const Filter& filter) {
    std::vector<NetlinkMessage> removals;
    auto listed = socket.dump([&] { return list_message(filter); }, "list connections", [&] { removals.clear(); },
                              [&](const NetlinkReply& reply) {
                                  const auto tuple = reply.attribute(sizeof(nfgenmsg), {CTA_TUPLE_ORIG});
                                  const auto id = reply.attribute(sizeof(nfgenmsg), {CTA_ID});
                                  const auto port = os::attribute_value<std::uint16_t>(os::nested_attribute(tuple, {CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT}));
                                  const auto protocol = os::attribute_value<std::uint8_t>(os::nested_attribute(tuple, {CTA_TUPLE_PROTO, CTA_PROTO_NUM}));
                                  if (tuple.empty() || id.empty() || protocol != IPPROTO_UDP) return;
                                  if (!filter.destinations.empty() && !filter.destinations.contains(ntohs(port))) return;
                                  // With its id: an entry that came anew meanwhile is another.
                                  removals.push_back(entry_message(IPCTNL_MSG_CT_DELETE, filter.family));
                                  removals.back().put(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple).put(CTA_ID, id);
                              });
    if (listed.ok() && !removals.empty()) (void)socket.exchange(removals).ok();
}

}  // namespace

void forget_unpublished(const std::vector<PortRule>& rules) {
    for (const Family family : {Family::v4, Family::v6}) {
        Filter filter{family, {}, {}, {}};
        for (const auto& rule : rules)
            if (rule.protocol == driver::Protocol::udp && rule.target.family == family) filter.destinations.insert(rule.host_port);
        if (filter.destinations.empty()) continue;
        if (filter.destinations.size() == 1) filter.destination = *filter.destinations.begin();
        if (auto socket = os::NetlinkSocket::open(NETLINK_NETFILTER); socket.ok()) forget(*socket, filter);
    }
}

void forget_targets(const std::vector<PortRule>& rules) {
    for (const Family family : {Family::v4, Family::v6}) {
        Filter filter{family, {}, {}, {}};
        for (const auto& rule : rules)
            if (rule.protocol == driver::Protocol::udp && rule.target.family == family) filter.reply_source = rule.target;
        if (!filter.reply_source) continue;
        if (auto socket = os::NetlinkSocket::open(NETLINK_NETFILTER); socket.ok()) forget(*socket, filter);
    }
}

}  // namespace gantry::bridge
