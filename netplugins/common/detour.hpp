// How a packet for a published port gets past the host's own firewall: through it.
//
// A packet that prerouting translates never meets the input chains of ufw, firewalld or an administrator, so a port that they
// keep closed would be open. So a packet from outside is not translated where it comes in, and goes to the input hook as the
// host's own. Behind all chains there ours takes it (chain `arrive`, ruleset.cpp): nft's "dup" sends a copy out by one end of a
// veth pair of the host, and the original is dropped. A veth takes the packet out of connection tracking (skb_scrub_packet,
// net/core/skbuff.c), so on the other end it comes in as new, is translated in prerouting and forwarded, source unchanged. What
// follows of its connection, and all answers, find the connection's entry wherever they come in: only a first packet goes this
// way.
#pragma once

#include "elements.hpp"

namespace gantry::net {

class Detour {
public:
    // The interface by which packets come in that the host's firewall has let in.
    static constexpr const char* again = "gtr-in1";

    // Where the host has it; else make() is needed first.
    static Result<Detour> open();
    // The interfaces, their routes and the two tables, `ip gantry` and `ip6 gantry`, as far as they are missing; the tables are
    // replaced. Errc::unsupported names what the kernel lacks.
    Result<> make();
    // Added with each port that needs the detour: ENOENT where its tables are missing, or were made for interfaces that are
    // gone. Empty where the interfaces are missing.
    [[nodiscard]] std::vector<Element> marks() const;

private:
    explicit Detour(os::NetlinkSocket route) : route_(std::move(route)) {}
    Result<> make_links();
    os::NetlinkSocket route_;
};

}  // namespace gantry::net
