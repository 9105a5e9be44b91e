#include "multicast.hpp"

#include "messages.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace gantry::bridge {

using net::link_message;
using os::NetlinkMessage;

namespace {

// Changes a bridge that is there: fill() puts IFLA_BR_* attributes.
template <class Fill>
NetlinkMessage bridge_settings(unsigned link, const Fill& fill) {
    NetlinkMessage message = link_message(RTM_NEWLINK, 0, link, 0);
    message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_KIND, "bridge");
        info.nest(IFLA_INFO_DATA, fill);
    });
    return message;
}

// How long listeners may take to answer a query, in hundredths of a second (USER_HZ).
NetlinkMessage response_time_message(unsigned link, std::uint64_t time) {
    return bridge_settings(link,
                           [&](NetlinkMessage& data) { data.put(IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, &time, sizeof time); });
}

}  // namespace

std::vector<NetlinkMessage> querier_messages(unsigned link) {
    constexpr std::uint32_t groups = 65536;  // over its limit (4096) a bridge gives up and floods again
    // Each new port is asked as often as this, and answers; who has just come has said it all by itself.
    constexpr std::uint32_t startup_queries = 1;
    std::vector<NetlinkMessage> messages;
    // A new querier goes on flooding for the response time that is set when it begins (net/bridge/br_multicast.c, delay_time).
    messages.push_back(response_time_message(link, 10));
    messages.push_back(bridge_settings(link, [&](NetlinkMessage& data) {
        data.put_u32(IFLA_BR_MCAST_HASH_MAX, groups)
            .put_u32(IFLA_BR_MCAST_STARTUP_QUERY_CNT, startup_queries)
            .put_u8(IFLA_BR_MCAST_SNOOPING, 1)
            // A query of an older version (the kernel's default) makes hosts answer with a packet for each group.
            .put_u8(IFLA_BR_MCAST_IGMP_VERSION, 3)
            .put_u8(IFLA_BR_MCAST_MLD_VERSION, 2);
    }));
    messages.push_back(bridge_settings(link, [](NetlinkMessage& data) { data.put_u8(IFLA_BR_MCAST_QUERIER, 1); }));
    messages.push_back(response_time_message(link, 100));
    return messages;
}

}  // namespace gantry::bridge
