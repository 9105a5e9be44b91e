// The network as Linux bridges with the gateway's addresses, each container's veth pair as a port of one of them.
#pragma once

#include "fabric.hpp"
#include "guard.hpp"

namespace gantry::bridge {

class Links final : public net::Fabric {
public:
    // port_limit: containers and trunks on one bridge; the kernel's own limit is 1023 (BR_MAX_PORTS, net/bridge/br_private.h).
    static Result<Links> open(Places places, unsigned port_limit = 1023);

    Result<> probe() override;
    Result<> ensure_network(const net::NetworkPlan& network, bool mend) override { return ensure_bridge(network, 0, mend); }
    // On the first bridge with a free port.
    Result<> connect(const net::AttachPlan& plan, const net::Wire& wire, int netns) override;
    // A host end that lost its bridge is put back.
    Result<> change(const net::AttachPlan& plan, const net::Attachment& attachment, int netns) override;
    Result<> reconnect(const net::NetworkPlan& network, const net::Attachment& attachment) override;
    Result<> publish(const net::Attachment& attachment) override;
    Result<> unpublish(const net::Attachment& attachment) override;
    Result<> forget(const net::Attachment& attachment) override;
    [[nodiscard]] bool limits_rates() const override { return true; }
    // On all bridges of the network (no trunks).
    Result<std::vector<net::PortLink>> ports(const net::NetworkPlan& network) override;

private:
    Links(os::NetlinkSocket route, Places places, unsigned port_limit)
        : Fabric(std::move(route)), guard_(std::move(places)), port_limit_(port_limit) {}
    // Makes a bridge of the network: settled, with the gateway's addresses (the first) or joined to the one before it (others),
    // and up last of all.
    Result<> ensure_bridge(const net::NetworkPlan& network, unsigned index = 0, bool mend = false);
    Result<> ensure_trunk(const net::NetworkPlan& network, unsigned index);
    struct Port {
        std::string interface, alias;
        // Frames may leave by the port they came in by: a container that uses its own published port, where br_netfilter is
        // loaded and the translation happens inside the bridge.
        bool hairpin = false;
    };
    // On the first bridge from this one on that has a free port; returns which.
    Result<unsigned> place(const net::NetworkPlan& network, const Port& end, unsigned from = 0);
    Result<> join(const std::string& bridge, const Port& end);
    // Returns the number of the port that the first of these interfaces is.
    Result<unsigned> settle(const std::vector<std::string>& interfaces, std::vector<os::NetlinkMessage> messages = {});
    Result<> settle_port(const net::NetworkPlan& network, const Port& end, unsigned index,
                         std::vector<os::NetlinkMessage> messages = {});

    Guard guard_;
    unsigned port_limit_;
};

// The driver `bridge`. port_limit: see Links::open(); tests use a small one.
std::unique_ptr<driver::NetworkDriver> make_driver(std::string data_dir, Places places, unsigned port_limit = 1023);

}  // namespace gantry::bridge
