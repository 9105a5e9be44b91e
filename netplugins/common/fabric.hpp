// How a driver joins containers to a network: what Driver (driver.hpp) leaves to it, and what all of them do alike. Nothing
// here knows of leases, ports or rules. Each call of the driver opens one anew: no state but the socket.
#pragma once

#include "journal.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

// What the kernel says of the host's end of a container's wire.
struct PortLink {
    std::string name, alias;
    unsigned index = 0;
};

struct ProbePacket;

struct Wire {
    std::string host_interface;  // the name to give the host's end
    std::string mac;             // six bytes, of the container's end
    std::vector<Address> addresses;
    bool published = false;  // the container has published ports
};

class Fabric {
public:
    virtual ~Fabric() = default;

    // Whether this kernel can do it; the error names what is missing.
    virtual Result<> probe() = 0;
    // The network's own interface (plan.bridge) is there, with the gateway's addresses, and up. One that is up is left alone,
    // unless it is to be mended.
    virtual Result<> ensure_network(const NetworkPlan& network, bool mend = false) = 0;
    // A pair of interfaces, the container's end in netns under its final name with addresses and routes, the host's end joined
    // to the network. Undoes nothing: forget() and remove() on failure.
    virtual Result<> connect(const AttachPlan& plan, const Wire& wire, int netns) = 0;
    // Rates and default route of a container's wire are the plan's from now on.
    virtual Result<> change(const AttachPlan& plan, const Attachment& attachment, int netns) = 0;
    // Puts back what a running container's wire lost on the host.
    virtual Result<> reconnect(const NetworkPlan& network, const Attachment& attachment) = 0;
    // The attachment's ports are in the firewall's table: what else there is to do for them.
    virtual Result<> publish(const Attachment& attachment) = 0;
    // Takes that back, for the ports that the attachment has here; its wire stays.
    virtual Result<> unpublish(const Attachment& attachment) = 0;
    // Removes what is kept for the attachment beside its interface, its ports too. Idempotent.
    virtual Result<> forget(const Attachment& attachment) = 0;
    // Whether programs, and not the firewall's table, translate what comes in by the interface for a port that is published so.
    virtual Result<bool> translates(const PortRule& port, unsigned interface);
    // Leaves that one packet to the table all the same; or no longer.
    virtual Result<> leave_to_table(const ProbePacket& packet, bool leave);
    // Whether connect() and change() heed AttachPlan::rate_up and rate_down.
    [[nodiscard]] virtual bool limits_rates() const { return false; }
    // The host's ends of all containers on the network.
    virtual Result<std::vector<PortLink>> ports(const NetworkPlan& network) = 0;

    // Deletes an interface, missing or not. Costs some 10 ms (the kernel waits for readers): see dies_alone().
    Result<> remove(const std::string& interface);
    // Deletes the network's own interfaces, whichever driver made them.
    Result<> remove_network(const NetworkPlan& network);
    // A number that this namespace knows the other one by (RTM_NEWNSID): given once, gone with it.
    Result<std::int32_t> namespace_id(int netns);
    // Whether the interface is gone, or will be without us: its other end is in a namespace that the kernel is taking down,
    // which removes both ends, in bulk and cheaper than we can. Never waits for the RTNL lock, which that work holds for long.
    Result<bool> dies_alone(const std::string& interface, std::int32_t namespace_id);
    // The same for an interface of which nothing was written down.
    Result<bool> dies_alone(const std::string& interface);
    // Every subnet that this host has a route to, without default routes.
    Result<std::vector<Cidr>> routes();

protected:
    explicit Fabric(os::NetlinkSocket route) : route_(std::move(route)) {}
    Fabric(Fabric&&) = default;

    // A veth pair in one step, both ends down. burst: see put_burst().
    Result<> make_veth(const AttachPlan& plan, const Wire& wire, int netns, const std::string& host_mac = "",
                       std::uint32_t burst = 0);

    // The kernel makes a new IPv6 address its own in a work queue, behind whoever has the RTNL lock: what is sent to it before
    // goes astray. Waits for that, a second at most.
    Result<> await_local(const Address& address);

    os::NetlinkSocket route_;
};

// "gantry NETWORK/CONTAINER", as `ip -d link` shows it.
std::string link_alias(const std::string& network, const std::string& container);

// The cable between bridges INDEX-1 and INDEX of a network has two ends, 'a' and 'b': "gta-XXXXXXXX-INDEX",
// "gtb-XXXXXXXX-INDEX".
std::string trunk_name(char end, const NetworkPlan& network, unsigned index);

// A port needs no address of its own: without this each host end gets a link-local one, with its multicast joins.
void no_link_local(os::NetlinkMessage& message);

// Of a new interface: how many bytes TCP over IPv4 hands down at once, to be cut into packets by the last interface that they
// leave by (more than 65536, "BIG TCP": Linux 6.3; older kernels do as always). 0: the kernel's default. Not for IPv6, where a
// packet that is forwarded is measured with the jumbo option that is cut off again, and found too big (ip6_forward, seen
// on 6.18).
void put_burst(os::NetlinkMessage& message, std::uint32_t burst);

// The MAC of a network's own interface: made of its name, so that containers know it before they ask.
std::string interface_mac(const std::string& name);

// Before a network's interface is up for the first time. No container's router advertisement is believed, and its link-local
// address works at once: the host needs it to ask for a container's neighbour entry.
Result<> settle_interface(const std::string& name);

}  // namespace gantry::net
