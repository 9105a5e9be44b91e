// Programs on interfaces: by tcx (Linux 6.6), else as a filter of the clsact queueing discipline, which is as old as any kernel
// we run on.
#pragma once

#include "os/bpf.hpp"
#include "os/netlink.hpp"

#include <string>

namespace gantry::ebpf {

// Attached already is no error. The program stays until the interface goes. name: what `tc filter show` calls it.
Result<> attach_program(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface,
                        os::InterfaceSide side);
// The way of older kernels alone.
Result<> attach_filter(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface,
                       os::InterfaceSide side);

}  // namespace gantry::ebpf
