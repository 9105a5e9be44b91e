#include "messages.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace gantry::net {

using os::NetlinkMessage;

NetlinkMessage link_message(std::uint16_t type, std::uint16_t flags, unsigned index, unsigned set_flags) {
    ifinfomsg header{};
    header.ifi_index = static_cast<int>(index);
    header.ifi_flags = header.ifi_change = set_flags;
    NetlinkMessage message(type, flags);
    message.header(header);
    return message;
}

NetlinkMessage address_message(unsigned index, const Address& address, int prefix) {
    ifaddrmsg header{};
    header.ifa_family = static_cast<std::uint8_t>(address_family(address.family));
    header.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
    header.ifa_index = index;
    if (address.family == Family::v6) header.ifa_flags = IFA_F_NODAD;
    NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    message.header(header).put(IFA_LOCAL, address.bytes()).put(IFA_ADDRESS, address.bytes());
    if (address.family == Family::v4) {
        const Cidr cidr = Cidr::of(address, prefix);
        message.put(IFA_BROADCAST, cidr.last().bytes());
    }
    return message;
}

NetlinkMessage default_route_message(unsigned index, const Address& gateway) {
    rtmsg header{};
    header.rtm_family = static_cast<std::uint8_t>(address_family(gateway.family));
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = RTPROT_STATIC;
    header.rtm_scope = RT_SCOPE_UNIVERSE;
    header.rtm_type = RTN_UNICAST;
    NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    message.header(header).put(RTA_GATEWAY, gateway.bytes()).put_u32(RTA_OIF, index);
    return message;
}

NetlinkMessage neighbour_message(unsigned index, const Address& address, const std::string& mac) {
    ndmsg header{};
    header.ndm_family = static_cast<std::uint8_t>(address_family(address.family));
    header.ndm_ifindex = static_cast<int>(index);
    header.ndm_state = NUD_STALE;
    NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    message.header(header).put(NDA_DST, address.bytes()).put(NDA_LLADDR, mac);
    return message;
}

}  // namespace gantry::net
