// What nftables did with one packet: its trace (meta nftrace) as the kernel tells it.
#pragma once

#include "probe_packet.hpp"

#include "os/fd.hpp"

#include <memory>
#include <vector>

namespace gantry::net {

class Nft;

class PacketTrace {
public:
    // Rules of our own that trace the packet, and take it away at its end: neither the container nor a server of the host sees
    // it, and what the host answers goes nowhere. They are gone with this object, and with this process (a table with an
    // owner). target: the container's address and port, where the packet should go.
    static Result<PacketTrace> open(const ProbePacket& packet, const Address& target, std::uint16_t target_port);
    PacketTrace(PacketTrace&&) noexcept;
    PacketTrace& operator=(PacketTrace&&) noexcept;
    ~PacketTrace();

    struct Outcome {
        bool reached = false;
        std::string decision;  // the rule that decided, "table inet filter, chain input: tcp dport 80 drop"
    };
    // After the packet has been sent. translated: programs take over what the host's firewall has let in, so that nothing
    // behind it decides.
    Result<Outcome> read(bool translated = false);

private:
    struct Step;
    PacketTrace(std::unique_ptr<Nft> nft, os::Fd socket);
    Result<std::vector<Step>> steps();
    std::string describe(const Step& step);

    std::unique_ptr<Nft> nft_;
    os::Fd socket_;
};

}  // namespace gantry::net
