// Programs on interfaces: by tcx (Linux 6.6), else as a filter of the clsact queueing discipline, which is as old as any kernel
// we run on.
#pragma once

#include "os/bpf.hpp"
#include "os/netlink.hpp"

#include <string>

namespace gantry::net {

// Attached already is no error. The program stays until the interface goes. name: what `tc filter show` calls it.
Result<> attach_program(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface,
                        os::InterfaceSide side);
// By clsact alone: the way of older kernels, and the quick one. Attaching by tcx waits for an RCU grace period with the RTNL
// lock held (tcx_entry_sync(), include/net/tcx.h), some 10 ms of a start; a packet costs some 40 ns less then.
// Errc::unsupported: a kernel without.
Result<> attach_filter(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface,
                       os::InterfaceSide side);

}  // namespace gantry::net
