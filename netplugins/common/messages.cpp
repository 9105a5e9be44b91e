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

namespace {

NetlinkMessage new_address(unsigned index, const Address& address, int prefix, std::uint32_t flags) {
    ifaddrmsg header{};
    header.ifa_family = static_cast<std::uint8_t>(address_family(address.family));
    header.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
    header.ifa_index = index;
    if (address.family == Family::v6) flags |= IFA_F_NODAD;
    NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    message.header(header).put(IFA_LOCAL, address.bytes()).put(IFA_ADDRESS, address.bytes()).put_u32(IFA_FLAGS, flags);
    if (address.family == Family::v4) {
        const Cidr cidr = Cidr::of(address, prefix);
        message.put(IFA_BROADCAST, cidr.last().bytes());
    }
    return message;
}

rtmsg route_header(Family family, int prefix) {
    rtmsg header{};
    header.rtm_family = static_cast<std::uint8_t>(address_family(family));
    header.rtm_dst_len = static_cast<std::uint8_t>(prefix);
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = RTPROT_STATIC;
    header.rtm_scope = RT_SCOPE_UNIVERSE;
    header.rtm_type = RTN_UNICAST;
    return header;
}

std::uint16_t flags_of(RouteIs route_is) {
    return route_is == RouteIs::fresh ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE | NLM_F_REPLACE;
}

NetlinkMessage new_neighbour(unsigned index, const Address& address, const std::string& mac, std::uint16_t state) {
    ndmsg header{};
    header.ndm_family = static_cast<std::uint8_t>(address_family(address.family));
    header.ndm_ifindex = static_cast<int>(index);
    header.ndm_state = state;
    NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    message.header(header).put(NDA_DST, address.bytes()).put(NDA_LLADDR, mac);
    return message;
}

}  // namespace

NetlinkMessage address_message(unsigned index, const Address& address, int prefix) {
    return new_address(index, address, prefix, 0);
}

NetlinkMessage routed_address_message(unsigned index, const Address& address, int prefix) {
    return new_address(index, address, prefix, IFA_F_NOPREFIXROUTE);
}

NetlinkMessage default_route_message(unsigned index, const Address& gateway, RouteIs route_is) {
    NetlinkMessage message(RTM_NEWROUTE, flags_of(route_is));
    message.header(route_header(gateway.family, 0)).put(RTA_GATEWAY, gateway.bytes()).put_u32(RTA_OIF, index);
    return message;
}

NetlinkMessage onlink_route_message(unsigned index, const Cidr& destination, const Address& gateway, RouteIs route_is) {
    rtmsg header = route_header(gateway.family, destination.prefix);
    header.rtm_flags = RTNH_F_ONLINK;
    NetlinkMessage message(RTM_NEWROUTE, flags_of(route_is));
    message.header(header);
    if (destination.prefix > 0) message.put(RTA_DST, destination.network.bytes());
    message.put(RTA_GATEWAY, gateway.bytes()).put_u32(RTA_OIF, index);
    return message;
}

NetlinkMessage no_default_route_message(unsigned index, Family family) {
    NetlinkMessage message(RTM_DELROUTE);
    message.header(route_header(family, 0)).put_u32(RTA_OIF, index);
    return message;
}

NetlinkMessage neighbour_message(unsigned index, const Address& address, const std::string& mac) {
    return new_neighbour(index, address, mac, NUD_STALE);
}

NetlinkMessage permanent_neighbour_message(unsigned index, const Address& address, const std::string& mac) {
    return new_neighbour(index, address, mac, NUD_PERMANENT);
}

}  // namespace gantry::net
