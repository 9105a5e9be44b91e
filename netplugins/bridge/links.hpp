// The network's kernel objects, over rtnetlink: bridges with the gateway's addresses, veth pairs, and what is set inside the
// container's namespace. Nothing here knows of leases, ports or rules.
#pragma once

#include "plan.hpp"

#include "os/netlink.hpp"

namespace gantry::bridge {

// What the kernel says of an interface that is a port of one of a network's bridges.
struct PortLink {
    std::string name, alias;
    unsigned index = 0;
};

struct Wire {
    std::string host_interface;  // the name to give the host's end
    std::string mac;             // six bytes, of the container's end
    std::vector<Address> addresses;
    // Frames may leave by the port they came in by: a container that uses its own published port, where br_netfilter is loaded
    // and the translation happens inside the bridge.
    bool hairpin = false;
};

class Links {
public:
    // port_limit: containers and trunks on one bridge; the kernel's own limit is 1023 (BR_MAX_PORTS, net/bridge/br_private.h).
    static Result<Links> open(unsigned port_limit = 1023);

    // Makes a bridge of the network: settled, with the gateway's addresses (the first) or joined to the one before it (others),
    // and up last of all. One that is up is left alone, unless it is to be mended.
    Result<> ensure_bridge(const NetworkPlan& network, unsigned index = 0, bool mend = false);
    // A veth pair in one step, the container's end in netns under its final name; the host's end on the first bridge with a
    // free port; loopback, addresses and routes inside. Undoes nothing: remove() the host's end on failure.
    Result<> connect(const AttachPlan& plan, const Wire& wire, int netns);
    // Puts a host end that lost its bridge back.
    Result<> reconnect(const NetworkPlan& network, const std::string& host_interface, bool hairpin);
    // Deletes an interface, missing or not. Costs some 10 ms (the kernel waits for readers): see dies_alone().
    Result<> remove(const std::string& interface);
    // A number that this namespace knows the other one by (RTM_NEWNSID): given once, gone with it.
    Result<std::int32_t> namespace_id(int netns);
    // Whether the interface is gone, or will be without us: its other end is in a namespace that the kernel is taking down,
    // which removes both ends, in bulk and cheaper than we can. Never waits for the RTNL lock, which that work holds for long.
    Result<bool> dies_alone(const std::string& interface, std::int32_t namespace_id);
    // The same for an interface of which nothing was written down.
    Result<bool> dies_alone(const std::string& interface);
    Result<> remove_bridges(const NetworkPlan& network);
    // The containers' interfaces on all bridges of the network (no trunks).
    Result<std::vector<PortLink>> ports(const NetworkPlan& network);
    // Every subnet that this host has a route to, without default routes and those through a bridge of this driver's name.
    Result<std::vector<Cidr>> routes();

private:
    Links(os::NetlinkSocket route, unsigned port_limit) : route_(std::move(route)), port_limit_(port_limit) {}
    Result<> ensure_trunk(const NetworkPlan& network, unsigned index);
    struct Port {
        std::string interface, alias;
        bool hairpin = false;
    };
    // On the first bridge from this one on that has a free port; returns which.
    Result<unsigned> place(const NetworkPlan& network, const Port& end, unsigned from = 0);
    Result<> join(const std::string& bridge, const Port& end);
    // Returns the number of the port that the first of these interfaces is.
    Result<unsigned> settle(const std::vector<std::string>& interfaces, std::vector<os::NetlinkMessage> messages = {});
    Result<> settle_port(const NetworkPlan& network, const Port& end, unsigned index,
                         std::vector<os::NetlinkMessage> messages = {});
    Result<> make_pair(const AttachPlan& plan, const Wire& wire, int netns);

    os::NetlinkSocket route_;
    unsigned port_limit_;
};

// "gantry NETWORK/CONTAINER", as `ip -d link` shows it.
std::string link_alias(const std::string& network, const std::string& container);

}  // namespace gantry::bridge
