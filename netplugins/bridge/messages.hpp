// The rtnetlink requests that both ends of a wire need.
#pragma once

#include "address.hpp"

#include "os/netlink.hpp"

namespace gantry::bridge {

// flags: the interface flags to set (IFF_UP), no other is touched. index 0: the attribute IFLA_IFNAME names the interface.
os::NetlinkMessage link_message(std::uint16_t type, std::uint16_t flags, unsigned index, unsigned set_flags);
// RTM_NEWADDR; for v6 without duplicate address detection: leases are unique, and a second without address is long.
os::NetlinkMessage address_message(unsigned index, const Address& address, int prefix);
// RTM_NEWROUTE of the default route.
os::NetlinkMessage default_route_message(unsigned index, const Address& gateway);

}  // namespace gantry::bridge
