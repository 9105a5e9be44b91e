// The host's kernel settings that a network needs.
#pragma once

#include "firewall.hpp"

namespace gantry::net {

// A kernel can be built or booted without IPv6.
bool kernel_has(Family family);

// Forwarding of the families that the network has. Where it was off it is switched on for the host, after the firewall has
// closed the way between the host's own cards. IPv6: router advertisements stay believed where they were (accept_ra 2).
Result<> ensure_forwarding(const NetworkPlan& network, Firewall& firewall);

// On the network's bridge: answers to the host's 127.0.0.1 may come in. Only after the firewall has chain `early`.
Result<> allow_host_loopback(const NetworkPlan& network);
// More than a thousand neighbours need a larger neighbour table than the kernel's default of 1024 entries.
void ensure_neighbour_room();

}  // namespace gantry::net
