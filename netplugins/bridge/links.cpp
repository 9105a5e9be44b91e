#include "links.hpp"

#include "forwarding.hpp"
#include "inside.hpp"
#include "messages.hpp"
#include "multicast.hpp"

#include "base/hash.hpp"
#include "os/netns.hpp"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>

namespace gantry::bridge {

using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// The further bridge is made while this many ports are left, so that its trunk always finds one.
constexpr unsigned grow_reserve = 128;

// The firewall knows a network's further bridges by it (chain `early` in ruleset.cpp): "gant".
constexpr std::uint32_t further_bridge_group = 0x67616e74;

// "gta-XXXXXXXX-N" on bridge N-1, "gtb-XXXXXXXX-N" on bridge N.
std::string trunk_name(char end, const NetworkPlan& network, unsigned index) {
    return fmt::format("gt{}-{:08x}-{}", end, fnv1a(network.name) & 0xffffffffU, index);
}

bool is_trunk(const std::string& name) { return name.starts_with("gta-") || name.starts_with("gtb-"); }

std::string bridge_mac(const std::string& name) {
    const std::uint64_t hash = fnv1a(name);
    std::string bytes("\x02\x67", 2);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(hash >> shift));
    return bytes;
}

// A port needs no address of its own: without this each host end gets a link-local one, with its multicast joins.
void no_link_local(NetlinkMessage& message) {
    message.nest(IFLA_AF_SPEC, [](NetlinkMessage& families) {
        families.nest(AF_INET6, [](NetlinkMessage& inet6) { inet6.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
    });
}

// Before a bridge is up for the first time. No container's router advertisement is believed, and its link-local address works
// at once: the host needs it to ask for a container's neighbour entry.
Result<> settle_bridge(const std::string& name) {
    for (const char* key : {"accept_ra", "accept_dad"}) {
        auto set = os::set_sysctl(fmt::format("net/ipv6/conf/{}/{}", name, key), "0");
        if (!set.ok() && set.error().code() != Errc::not_found) return set;  // missing: no IPv6 in this kernel
    }
    return {};
}

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
    message.put_text(IFLA_IFNAME, name).put(IFLA_ADDRESS, bridge_mac(name));
    if (network.mtu != 0) message.put_u32(IFLA_MTU, network.mtu);
    if (index > 0) message.put_u32(IFLA_GROUP, further_bridge_group);
    message.nest(IFLA_LINKINFO, [](NetlinkMessage& info) { info.put_text(IFLA_INFO_KIND, "bridge"); });
    return message;
}

// A veth has no queue to speak of: the sender puts each packet on the other end's backlog. The kernel would make one per
// processor all the same, each with objects in /sys.
NetlinkMessage& one_queue(NetlinkMessage& message) {
    return message.put_u32(IFLA_NUM_TX_QUEUES, 1).put_u32(IFLA_NUM_RX_QUEUES, 1);
}

}  // namespace

std::string link_alias(const std::string& network, const std::string& container) {
    return fmt::format("gantry {}/{}", network, container);
}

Result<Links> Links::open(unsigned port_limit) { return Links(TRY(os::NetlinkSocket::open(NETLINK_ROUTE)), port_limit); }

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
    if (index == 0) TRY(settle_bridge(name));
    if (index > 0) TRY(ensure_trunk(network, index));
    if (index > 0) ensure_neighbour_room();
    const unsigned link = route_.interface_index(name);
    std::vector<NetlinkMessage> messages;
    for (const auto& range : {network.v4, network.v6})
        if (range && index == 0) messages.push_back(address_message(link, range->gateway, range->cidr.prefix));
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
    if (index == 0) return {};
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
    for (unsigned index = from; index < max_bridges; ++index) {
        TRY(ensure_bridge(network, index));
        const auto joined = join(network.bridge_name(index), end);
        if (joined.ok()) return index;
        if (joined.error().sys() != EXFULL) return joined.error();
    }
    return error(Errc::no_space, "all {} bridges are full", max_bridges);
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
            return last_ports && index + 1 < max_bridges ? ensure_bridge(network, index + 1) : Result<>();
        }
        index = TRY(place(network, end, index + 1));  // over a limit that is not the kernel's
    }
}

Result<> Links::make_pair(const AttachPlan& plan, const Wire& wire, int netns) {
    NetlinkMessage message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
    one_queue(message.put_text(IFLA_IFNAME, wire.host_interface));
    if (plan.network.mtu != 0) message.put_u32(IFLA_MTU, plan.network.mtu);
    message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_KIND, "veth");
        info.nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
            data.nest(VETH_INFO_PEER, [&](NetlinkMessage& peer) {
                peer.header(ifinfomsg{});  // not up yet: veth_open() wants both ends
                one_queue(peer)
                    .put_text(IFLA_IFNAME, plan.interface)
                    .put(IFLA_ADDRESS, wire.mac)
                    .put_u32(IFLA_NET_NS_FD, static_cast<unsigned>(netns));
                if (plan.network.mtu != 0) peer.put_u32(IFLA_MTU, plan.network.mtu);
            });
        });
    });
    return route_.request(std::move(message),
                          fmt::format("make interface '{}' (host end '{}')", plan.interface, wire.host_interface));
}

Result<> Links::connect(const AttachPlan& plan, const Wire& wire, int netns) {
    Inside inside = TRY(Inside::open(netns));
    TRY(make_pair(plan, wire, netns));
    const Port end{wire.host_interface, link_alias(plan.network.name, plan.container), wire.hairpin};
    const unsigned index = TRY(place(plan.network, end));
    const std::string& bridge = plan.network.bridge;
    TRY(inside.configure(plan, wire.addresses, route_.interface_mac(bridge)));
    std::vector<NetlinkMessage> messages;
    for (const auto& address : wire.addresses)
        messages.push_back(neighbour_message(route_.interface_index(bridge), address, wire.mac));
    return settle_port(plan.network, end, index, std::move(messages));
}

Result<> Links::reconnect(const NetworkPlan& network, const std::string& host_interface, bool hairpin) {
    const Port end{host_interface, "", hairpin};
    const unsigned index = TRY(place(network, end));
    return settle_port(network, end, index);
}

Result<> Links::remove(const std::string& interface) {
    NetlinkMessage message = link_message(RTM_DELLINK, 0, 0, 0);
    message.put_text(IFLA_IFNAME, interface);
    auto removed = route_.request(std::move(message), fmt::format("remove interface '{}'", interface));
    if (!removed.ok() && removed.error().sys() == ENODEV) return {};
    return removed;
}

Result<std::int32_t> Links::namespace_id(int netns) {
    const char* what = "number a network namespace";
    std::vector<NetlinkMessage> messages;
    const std::int32_t any = -1;
    messages.emplace_back(RTM_NEWNSID);
    messages.back()
        .header(rtgenmsg{AF_UNSPEC})
        .put_u32(NETNSA_FD, static_cast<unsigned>(netns))
        .put(NETNSA_NSID, &any, sizeof any);
    messages.emplace_back(RTM_GETNSID);
    messages.back().header(rtgenmsg{AF_UNSPEC}).put_u32(NETNSA_FD, static_cast<unsigned>(netns));
    std::int32_t id = any;
    const auto outcomes = TRY_CONTEXT(
        route_.exchange(messages,
                        [&](const NetlinkReply& reply) {
                            id = os::attribute_value<std::int32_t>(reply.attribute(sizeof(rtgenmsg), {NETNSA_NSID}));
                        }),
        "{}", what);
    // It has one already where another network of the container came first.
    if (!outcomes[0].ok() && outcomes[0].number != EEXIST) return outcomes[0].error(what);
    TRY(outcomes[1].result(what));
    return id;
}

Result<bool> Links::dies_alone(const std::string& interface, std::int32_t namespace_id) {
    if (if_nametoindex(interface.c_str()) == 0) return true;
    // The kernel answers for a namespace that something still holds, and for no other (get_net_ns_by_id); kernel 4.20.
    NetlinkMessage alive(RTM_GETNSID);
    alive.header(rtgenmsg{AF_UNSPEC}).put(NETNSA_NSID, &namespace_id, sizeof namespace_id);
    auto answer = route_.request(std::move(alive), "look at a network namespace");
    if (answer.ok()) return false;
    if (answer.error().sys() == ENOENT) return true;
    return std::move(answer).error();
}

Result<bool> Links::dies_alone(const std::string& interface) {
    std::int32_t id = -1;
    bool elsewhere = false;
    NetlinkMessage question = link_message(RTM_GETLINK, 0, 0, 0);
    question.put_text(IFLA_IFNAME, interface);
    auto asked =
        route_.request(std::move(question), fmt::format("look at interface '{}'", interface), [&](const NetlinkReply& reply) {
            const auto attribute = reply.attribute(sizeof(ifinfomsg), {IFLA_LINK_NETNSID});
            elsewhere = !attribute.empty();  // else the other end is in this namespace, as alive as we are
            id = os::attribute_value<std::int32_t>(attribute);
        });
    if (!asked.ok() && asked.error().sys() == ENODEV) return true;
    if (!asked.ok()) return std::move(asked).error();
    if (!elsewhere) return false;
    if (id < 0) return true;  // NETNSA_NSID_NOT_ASSIGNED: no number is given to a dying one
    return dies_alone(interface, id);
}

Result<> Links::remove_bridges(const NetworkPlan& network) {
    Result<> first;
    const auto note = [&](Result<> done) {
        if (first.ok() && !done.ok()) first = std::move(done);
    };
    for (unsigned index = max_bridges; index-- > 0;) {
        if (index > 0 && if_nametoindex(trunk_name('a', network, index).c_str()) != 0)
            note(remove(trunk_name('a', network, index)));
        if (if_nametoindex(network.bridge_name(index).c_str()) != 0) note(remove(network.bridge_name(index)));
    }
    return first;
}

Result<std::vector<PortLink>> Links::ports(const NetworkPlan& network) {
    std::vector<PortLink> ports;
    for (unsigned index = 0; index < max_bridges; ++index) {
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

Result<std::vector<Cidr>> Links::routes() {
    std::vector<Cidr> subnets;
    const auto make = [] {
        NetlinkMessage message(RTM_GETROUTE);
        message.header(rtmsg{});
        return message;
    };
    TRY(route_.dump(
        make, "list this host's routes", [&] { subnets.clear(); },
        [&](const NetlinkReply& reply) {
            const auto* header = reply.header<rtmsg>();
            if (!header || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) || header->rtm_dst_len == 0)
                return;
            const auto destination = reply.attribute(sizeof *header, {RTA_DST});
            if (destination.size() != 4 && destination.size() != 16) return;
            subnets.push_back(Cidr::of(Address::from_bytes(destination), header->rtm_dst_len));
        }));
    return subnets;
}

}  // namespace gantry::bridge
