// Connection tracking entries that outlive what they were made for. A TCP connection ends by itself; a UDP "connection" lives as
// long as packets come, and would carry them to a container that is gone, or past one that is new.
#pragma once

#include "plan.hpp"

namespace gantry::bridge {

// Forgets entries of packets that came to these UDP host ports before they were published. Best effort, as all here: what stays
// is forgotten after 30 s of silence (net.netfilter.nf_conntrack_udp_timeout).
void forget_unpublished(const std::vector<PortRule>& rules);
// Forgets the entries that translate to these containers' UDP ports.
void forget_targets(const std::vector<PortRule>& rules);

}  // namespace gantry::bridge
