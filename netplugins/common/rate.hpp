// How much an interface may send: a token bucket that queues what is over the rate, each flow for itself (tc-tbf(8),
// tc-fq_codel(8)). It is the kernel's: it goes with the interface, and no process is behind it.
#pragma once

#include "os/netlink.hpp"

namespace gantry::net {

// rate: bits a second; 0: no limit any more. Errc::unsupported: the kernel has no tbf.
Result<> limit_rate(os::NetlinkSocket& route, const std::string& interface, std::uint64_t rate);

}  // namespace gantry::net
