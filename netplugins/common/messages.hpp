// The rtnetlink requests that both ends of a wire need.
#pragma once

#include "address.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

// flags: the interface flags to set (IFF_UP), no other is touched. index 0: the attribute IFLA_IFNAME names the interface.
os::NetlinkMessage link_message(std::uint16_t type, std::uint16_t flags, unsigned index, unsigned set_flags);
// RTM_NEWADDR; for v6 without duplicate address detection: leases are unique, and a second without address is long.
os::NetlinkMessage address_message(unsigned index, const Address& address, int prefix);
// The same, without the route to its subnet that the kernel would add (Linux 4.17 for v4): nobody of it is on the link.
os::NetlinkMessage routed_address_message(unsigned index, const Address& address, int prefix);
// Whether a route must be new, or takes the place of the one to the same destination, whatever interface that leads to.
enum class RouteIs : std::uint8_t { fresh, replaced };
// RTM_NEWROUTE of the default route.
os::NetlinkMessage default_route_message(unsigned index, const Address& gateway, RouteIs route_is = RouteIs::fresh);
// RTM_NEWROUTE through a gateway that no route leads to, but is at the other end of this link.
os::NetlinkMessage onlink_route_message(unsigned index, const Cidr& destination, const Address& gateway,
                                        RouteIs route_is = RouteIs::fresh);
// RTM_DELROUTE of the default route, where it leads through this interface and is one of ours.
os::NetlinkMessage no_default_route_message(unsigned index, Family family);

// RTM_NEWNEIGH of a MAC that is known already: no first packet waits for an answer, none is broadcast for it, and whoever had
// the address before is forgotten. As "stale" the kernel checks the entry when it is used and drops it when it is not.
os::NetlinkMessage neighbour_message(unsigned index, const Address& address, const std::string& mac);
// The same for good: nobody is asked for it, and it does not count in the kernel's table (gc_thresh, Linux 5.0).
os::NetlinkMessage permanent_neighbour_message(unsigned index, const Address& address, const std::string& mac);

}  // namespace gantry::net
