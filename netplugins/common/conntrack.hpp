// Connection tracking entries that outlive what they were made for. A TCP connection ends by itself; a UDP "connection" lives
// as long as packets come, and would carry them to a container that is gone, or past one that is new.
#pragma once

#include "plan.hpp"

namespace gantry::net {

// Forgets the entries of packets to these UDP host ports, wherever they lead, for ports that are published now. Best effort:
// what stays is forgotten after 30 s of silence (net.netfilter.nf_conntrack_udp_timeout).
void forget_connections(const std::vector<PortRule>& rules);
// Forgets the entries that lead to UDP ports of these addresses, before others get them.
void forget_targets(const std::vector<PortRule>& rules);

}  // namespace gantry::net
