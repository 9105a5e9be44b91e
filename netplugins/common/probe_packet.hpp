// A packet that comes in by an interface of the host as if it had been received there.
#pragma once

#include "address.hpp"

#include "gantry/driver/network.hpp"

namespace gantry::net {

struct ProbePacket {
    driver::Protocol protocol = driver::Protocol::tcp;
    Address source, destination;  // of one family
    std::uint16_t source_port = 0, destination_port = 0;
};

// The frame: Ethernet, IP and the first thing a client sends (SYN, an empty datagram, INIT), with right checksums.
std::string probe_frame(const ProbePacket& packet, std::string_view interface_mac);

// Goes through the whole of the host's reception before it returns, but for queues (veth). Errc::unsupported: before
// kernel 5.18.
Result<> receive_frame(unsigned interface, std::string_view frame);

}  // namespace gantry::net
