// The host's own use of ports: is somebody bound to one, and which are free to choose.
#pragma once

#include "plan.hpp"

namespace gantry::net {

// Binds each rule's host port for a moment. Errc::in_use: "port 80/tcp is in use on the host"; Errc::invalid: the address is
// not this host's. Only then is it known that no local server is cut off by the translation.
Result<> check_bind(const std::vector<PortRule>& rules);

// net.ipv4.ip_local_port_range, which is for both families.
struct PortSpan {
    std::uint16_t first = 32768, last = 60999;
};
PortSpan ephemeral_ports();

}  // namespace gantry::net
