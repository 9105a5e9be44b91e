// The rtnetlink requests that both ends of a wire need.
#pragma once

#include "address.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

// flags: the interface flags to set (IFF_UP), no other is touched. index 0: the attribute IFLA_IFNAME names the interface.
os::NetlinkMessage link_message(std::uint16_t type, std::uint16_t flags, unsigned index, unsigned set_flags);
// RTM_NEWADDR; for v6 without duplicate address detection: leases are unique, and a second without address is long.
os::NetlinkMessage address_message(unsigned index, const Address& address, int prefix);
// RTM_NEWROUTE of the default route.
os::NetlinkMessage default_route_message(unsigned index, const Address& gateway);

// RTM_NEWNEIGH of a MAC that is known already: no first packet waits for an answer, none is broadcast for it, and whoever had
// the address before is forgotten. As "stale" the kernel checks the entry when it is used and drops it when it is not.
os::NetlinkMessage neighbour_message(unsigned index, const Address& address, const std::string& mac);

}  // namespace gantry::net
