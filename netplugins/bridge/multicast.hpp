// Multicast on a network's bridge: frames to a group go where somebody listens.
#pragma once

#include "os/netlink.hpp"

#include <vector>

namespace gantry::bridge {

// Without a querier a bridge floods every multicast frame to all its ports, and each container's start sends a handful (MLD
// reports, neighbour discovery): the thousandth would cost the host thousands of deliveries. With one, frames go where somebody
// listens.
std::vector<os::NetlinkMessage> querier_messages(unsigned link);

}  // namespace gantry::bridge
