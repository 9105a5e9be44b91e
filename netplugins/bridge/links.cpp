#include "links.hpp"

#include "driver.hpp"
#include "forwarding.hpp"
#include "inside.hpp"
#include "messages.hpp"
#include "multicast.hpp"
#include "rate.hpp"

#include "base/hash.hpp"
#include "os/netns.hpp"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>

namespace gantry::bridge {

using net::Attachment;
using net::AttachPlan;
using net::link_message;
using net::NetworkPlan;
using net::no_link_local;
using net::PortLink;
using net::trunk_name;
using net::Wire;
using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// The further bridge is made while this many ports are left, so that its trunk always finds one.
constexpr unsigned grow_reserve = 128;

// The firewall knows a network's further bridges by it (chain `early` in ruleset.cpp): "gant".
constexpr std::uint32_t further_bridge_group = 0x67616e74;

bool is_trunk(const std::string& name) { return name.starts_with("gta-") || name.starts_with("gtb-"); }

NetlinkMessage hairpin_message(const std::string& interface) {
    NetlinkMessage message = link_message(RTM_NEWLINK, 0, 0, 0);
    message.put_text(IFLA_IFNAME, interface).nest(IFLA_LINKINFO, [](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
        info.nest(IFLA_INFO_SLAVE_DATA, [](NetlinkMessage& data) { data.put_u8(IFLA_BRPORT_MODE, 1); });
    });
    return message;
}

NetlinkMessage bridge_message(const NetworkPlan& network, unsigned index) {
    const std::string name = network.bridge_name(index);
    NetlinkMessage message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
    // Without a MAC of its own a bridge takes the lowest of its ports' and changes it with them.
    message.put_text(IFLA_IFNAME, name).put(IFLA_ADDRESS, net::interface_mac(name));
    if (network.mtu != 0) message.put_u32(IFLA_MTU, network.mtu);
    if (index > 0) message.put_u32(IFLA_GROUP, further_bridge_group);
    message.nest(IFLA_LINKINFO, [](NetlinkMessage& info) { info.put_text(IFLA_INFO_KIND, "bridge"); });
    return message;
}

}  // namespace

Result<Links> Links::open(Places places, unsigned port_limit) {
    return Links(TRY(os::NetlinkSocket::open(NETLINK_ROUTE)), std::move(places), port_limit);
}

// Bridges are in every kernel that containers run on; what refuses to make one says so then.
Result<> Links::probe() { return {}; }

// All is in the firewall.
Result<> Links::publish(const Attachment&) { return {}; }

Result<> Links::unpublish(const Attachment&) { return {}; }

// All else is on the interface, and goes with it.
Result<> Links::forget(const Attachment& attachment) { return guard_.forget(route_, attachment.host_interface); }

Result<> Links::ensure_bridge(const NetworkPlan& network, unsigned index, bool mend) {
    const std::string name = network.bridge_name(index);
    if (!mend && route_.interface_flags(name) & IFF_UP) return {};
    if (route_.interface_index(name) == 0) {
        std::vector<NetlinkMessage> messages;
        messages.push_back(bridge_message(network, index));
        const auto made = TRY(route_.exchange(messages));
        // Another start may have been faster.
        if (!made[0].ok() && made[0].number != EEXIST) return made[0].error(fmt::format("make bridge '{}'", name));
    }
    if (index == 0) TRY(net::settle_interface(name));
    if (index > 0) TRY(ensure_trunk(network, index));
    net::ensure_neighbour_room();
    const unsigned link = route_.interface_index(name);
    std::vector<NetlinkMessage> messages;
    for (const auto& range : {network.v4, network.v6})
        if (range && index == 0) messages.push_back(net::address_message(link, range->gateway, range->cidr.prefix));
    // Only the first bridge speaks IP: the kernel would answer for the gateway's address on any other too.
    messages.push_back(link_message(RTM_NEWLINK, 0, link, index > 0 ? IFF_UP | IFF_NOARP : IFF_UP));
    if (index > 0) no_link_local(messages.back());
    const std::size_t up = messages.size() - 1;
    // Further bridges hear the first one's queries over their trunk.
    if (index == 0)
        for (auto& message : querier_messages(link)) messages.push_back(std::move(message));
    const auto outcomes = TRY(route_.exchange(messages));
    for (std::size_t at = 0; at <= up; ++at)
        if (!outcomes[at].ok() && outcomes[at].number != EEXIST)
            return outcomes[at].error(
                fmt::format("{} '{}'", at == up ? "bring up bridge" : "set the gateway's address on", name));
    // A kernel without multicast snooping (CONFIG_BRIDGE_IGMP_SNOOPING) floods: slower, not wrong.
    if (index == 0) return network.v6 ? await_local(network.v6->gateway) : Result<>();
    TRY(settle({trunk_name('a', network, index), trunk_name('b', network, index), network.bridge_name(index - 1), name}));
    return {};
}

Result<> Links::ensure_trunk(const NetworkPlan& network, unsigned index) {
    const std::string near = trunk_name('a', network, index), far = trunk_name('b', network, index);
    const unsigned first = if_nametoindex(network.bridge_name(index - 1).c_str());
    const unsigned second = if_nametoindex(network.bridge_name(index).c_str());
    std::vector<NetlinkMessage> messages;
    messages.push_back(link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0));
    messages.back().put_text(IFLA_IFNAME, near).nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_KIND, "veth");
        info.nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
            data.nest(VETH_INFO_PEER, [&](NetlinkMessage& peer) {
                peer.header(ifinfomsg{});
                peer.put_text(IFLA_IFNAME, far);
            });
        });
    });
    for (const auto& [name, bridge] : {std::pair{near, first}, std::pair{far, second}}) {
        messages.push_back(link_message(RTM_NEWLINK, 0, 0, IFF_UP));
        messages.back().put_text(IFLA_IFNAME, name).put_u32(IFLA_MASTER, bridge);
        if (network.mtu != 0) messages.back().put_u32(IFLA_MTU, network.mtu);
        no_link_local(messages.back());
    }
    const auto outcomes = TRY(route_.exchange(messages));
    if (!outcomes[0].ok() && outcomes[0].number != EEXIST) return outcomes[0].error(fmt::format("make trunk '{}'", near));
    for (const std::size_t at : {1U, 2U}) TRY(outcomes[at].result(fmt::format("join bridge '{}'", network.bridge_name(index))));
    return {};
}

Result<> Links::join(const std::string& bridge, const Port& end) {
    std::vector<NetlinkMessage> messages;
    messages.push_back(link_message(RTM_NEWLINK, 0, 0, IFF_UP));
    messages.back().put_text(IFLA_IFNAME, end.interface).put_u32(IFLA_MASTER, route_.interface_index(bridge));
    if (!end.alias.empty()) messages.back().put(IFLA_IFALIAS, end.alias);
    no_link_local(messages.back());
    if (end.hairpin) messages.push_back(hairpin_message(end.interface));
    const auto outcomes = TRY(route_.exchange(messages));
    for (const auto& outcome : outcomes) TRY(outcome.result(fmt::format("join '{}' to bridge '{}'", end.interface, bridge)));
    return {};
}

Result<unsigned> Links::place(const NetworkPlan& network, const Port& end, unsigned from) {
    for (unsigned index = from; index < net::max_bridges; ++index) {
        TRY(ensure_bridge(network, index));
        const auto joined = join(network.bridge_name(index), end);
        if (joined.ok()) return index;
        if (joined.error().sys() != EXFULL) return joined.error();
    }
    return error(Errc::no_space, "all {} bridges are full", net::max_bridges);
}

// Both ends are up, but a worker of the kernel has yet to see the carrier before packets flow (net/core/link_watch.c), and a
// first packet that is lost costs a second. Asking for the link makes it happen now (kernel 6.8; before, soon).
Result<unsigned> Links::settle(const std::vector<std::string>& interfaces, std::vector<NetlinkMessage> messages) {
    unsigned number = 0;
    for (const auto& interface : interfaces) {
        messages.push_back(link_message(RTM_GETLINK, 0, 0, 0));
        messages.back().put_text(IFLA_IFNAME, interface);
    }
    TRY(route_.exchange(messages, [&](const NetlinkReply& reply) {
        const auto port = reply.attribute(sizeof(ifinfomsg), {IFLA_LINKINFO, IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_NO});
        if (number == 0) number = os::attribute_value<std::uint16_t>(port);
    }));
    return number;
}

// The end is up on bridge index: let packets flow, and see to the next bridge in time.
Result<> Links::settle_port(const NetworkPlan& network, const Port& end, unsigned index, std::vector<NetlinkMessage> messages) {
    for (;;) {
        std::vector<std::string> interfaces{end.interface};
        // The first port of an idle bridge gives it its carrier.
        if (!(route_.interface_flags(network.bridge) & IFF_RUNNING)) interfaces.push_back(network.bridge);
        const unsigned number = TRY(settle(interfaces, std::move(messages)));
        messages.clear();
        if (number <= port_limit_) {
            const bool last_ports = number + std::min(grow_reserve, port_limit_ / 4) > port_limit_;
            return last_ports && index + 1 < net::max_bridges ? ensure_bridge(network, index + 1) : Result<>();
        }
        index = TRY(place(network, end, index + 1));  // over a limit that is not the kernel's
    }
}

Result<> Links::connect(const AttachPlan& plan, const Wire& wire, int netns) {
    net::Inside inside = TRY(net::Inside::open(netns));
    TRY(make_veth(plan, wire, netns));
    if (plan.network.guard) TRY(guard_.keep(route_, wire.host_interface, wire.mac, wire.addresses));
    const Port end{wire.host_interface, net::link_alias(plan.network.name, plan.container), wire.published};
    const unsigned index = TRY(place(plan.network, end));
    const std::string& bridge = plan.network.bridge;
    TRY(inside.configure(plan, wire.addresses, route_.interface_mac(bridge)));
    // Each direction where it is sent, so that what is over the rate waits in a queue and is not dropped on arrival.
    if (plan.rate_down != 0) TRY(net::limit_rate(route_, wire.host_interface, plan.rate_down));
    if (plan.rate_up != 0) TRY(inside.limit_rate(plan.interface, plan.rate_up));
    std::vector<NetlinkMessage> messages;
    for (const auto& address : wire.addresses)
        messages.push_back(net::neighbour_message(route_.interface_index(bridge), address, wire.mac));
    return settle_port(plan.network, end, index, std::move(messages));
}

Result<> Links::change(const AttachPlan& plan, const Attachment& attachment, int netns) {
    net::Inside inside = TRY(net::Inside::open(netns));
    TRY(net::limit_rate(route_, attachment.host_interface, plan.rate_down));
    TRY(inside.limit_rate(plan.interface, plan.rate_up));
    return inside.move_default_route(plan);
}

Result<> Links::reconnect(const NetworkPlan& network, const Attachment& attachment) {
    // A note of an engine that knew no guard may have no MAC.
    if (network.guard && !attachment.mac.empty())
        TRY(guard_.keep(route_, attachment.host_interface, attachment.mac, attachment.addresses));
    const Port end{attachment.host_interface, "", !attachment.ports.empty()};
    const unsigned index = TRY(place(network, end));
    return settle_port(network, end, index);
}

Result<std::vector<PortLink>> Links::ports(const NetworkPlan& network) {
    std::vector<PortLink> ports;
    for (unsigned index = 0; index < net::max_bridges; ++index) {
        const unsigned link = if_nametoindex(network.bridge_name(index).c_str());
        if (link == 0) continue;
        const std::size_t before = ports.size();
        const auto make = [&] {
            NetlinkMessage message = link_message(RTM_GETLINK, 0, 0, 0);
            message.put_u32(IFLA_MASTER, link);
            return message;
        };
        TRY(route_.dump(
            make, "list a bridge's ports", [&] { ports.resize(before); },
            [&](const NetlinkReply& reply) {
                const auto* header = reply.header<ifinfomsg>();
                if (!header) return;
                PortLink port;
                port.name = os::attribute_text(reply.attribute(sizeof *header, {IFLA_IFNAME}));
                port.alias = os::attribute_text(reply.attribute(sizeof *header, {IFLA_IFALIAS}));
                port.index = static_cast<unsigned>(header->ifi_index);
                if (!is_trunk(port.name)) ports.push_back(port);
            }));
    }
    return ports;
}

std::unique_ptr<driver::NetworkDriver> make_driver(std::string data_dir, Places places, unsigned port_limit) {
    const std::string run_dir = places.run_dir;
    return std::make_unique<net::Driver>(
        std::move(data_dir), run_dir, [places = std::move(places), port_limit]() -> Result<std::unique_ptr<net::Fabric>> {
            return std::unique_ptr<net::Fabric>(std::make_unique<Links>(TRY(Links::open(places, port_limit))));
        });
}

}  // namespace gantry::bridge
