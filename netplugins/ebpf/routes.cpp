#include "routes.hpp"

#include "attach.hpp"
#include "detour.hpp"
#include "driver.hpp"
#include "forwarding.hpp"
#include "inside.hpp"
#include "messages.hpp"
#include "probe_packet.hpp"
#include "load/pins.hpp"

#include "os/file.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace gantry::ebpf {

using net::Address;
using net::Attachment;
using net::AttachPlan;
using net::Family;
using net::Journal;
using net::link_message;
using net::NetworkPlan;
using net::PortLink;
using net::Wire;
using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

constexpr const char* driver_name = "ebpf";

// Between containers nothing has to cut what TCP hands down, and the fewer times the path is walked the better: with three
// times the kernel's 64 kB the throughput is twice what it was. (A packet can be made of 17 fragments of 32 kB.)
constexpr std::uint32_t burst = 192U << 10;

// places_.pins is a folder right below the mount.
Result<> check_bpffs(const std::string& pins) { return bpf::check_bpffs(pins.substr(0, pins.rfind('/'))); }

// The host's end of a wire, or the end of a network's pair: up, and no part of IPv6.
NetlinkMessage up_message(const std::string& interface, const std::string& alias = "") {
    NetlinkMessage message = link_message(RTM_NEWLINK, 0, 0, IFF_UP);
    message.put_text(IFLA_IFNAME, interface);
    if (!alias.empty()) message.put(IFLA_IFALIAS, alias);
    net::no_link_local(message);
    return message;
}

bool has_tcp(const Attachment& attachment) {
    return std::ranges::any_of(attachment.ports,
                               [](const net::PortRule& rule) { return rule.protocol == driver::Protocol::tcp; });
}

// A worker of the kernel has yet to see the carrier before packets leave by an interface (net/core/link_watch.c): asking for
// the link makes it happen now (Linux 6.8; before, soon).
NetlinkMessage settle_message(const std::string& interface) {
    NetlinkMessage message = link_message(RTM_GETLINK, 0, 0, 0);
    message.put_text(IFLA_IFNAME, interface);
    return message;
}

// What of the published ports the programs translate: TCP, and UDP at the loopback address. SCTP has no hook at connect(2), and
// its checksum (CRC-32C, RFC 9260) is of the whole packet.
std::vector<std::pair<route_port, route_endpoint>> entries_of(const Attachment& attachment) {
    std::vector<std::pair<route_port, route_endpoint>> entries;
    for (const auto& rule : attachment.ports) {
        if (rule.protocol == driver::Protocol::sctp) continue;
        const bool loopback = !rule.host || (rule.host->family == Family::v4 && rule.host->value >> 24 == 127);
        if (rule.protocol == driver::Protocol::udp && !loopback) continue;
        const Address everywhere{rule.target.family, 0};
        route_port port{};
        port.address = route::address_of((rule.host ? *rule.host : everywhere).bytes());
        port.port = htons(rule.host_port);
        port.protocol = static_cast<std::uint8_t>(rule.protocol);
        route_endpoint endpoint{};
        endpoint.address = route::address_of(rule.target.bytes());
        endpoint.port = htons(rule.target_port);
        endpoint.flags = rule.bypass ? route_bypass : 0;
        entries.emplace_back(port, endpoint);
    }
    return entries;
}

}  // namespace

Result<Routes> Routes::open(Places places) { return Routes(TRY(os::NetlinkSocket::open(NETLINK_ROUTE)), std::move(places)); }

Result<> Routes::probe() {
    TRY(check_bpffs(places_.pins));
    TRY(pins());
    return {};
}

Result<route::Pins*> Routes::pins() {
    if (pins_) return &*pins_;
    const std::string folder = places_.run_dir + "/net";
    auto there = route::Pins::open(places_.pins);
    if (!there.ok() && there.error().code() == Errc::not_found) {
        TRY(check_bpffs(places_.pins));
        TRY(os::make_dirs(folder, 0755));
        there = route::Pins::open_or_make(
            places_.pins, folder + "/.route",
            {places_.load, [&](route::Pins& made, const std::string& into) { return fill(made, into); }});
    }
    pins_ = TRY(std::move(there));
    return &*pins_;
}

// Of what is damaged on disk or gone from the kernel nothing is filled in: recover() reports it.
Result<> Routes::fill(route::Pins& pins, const std::string& folder) {
    if (!places_.cgroup.empty()) {
        const os::Fd cgroup = TRY(os::open(places_.cgroup, O_RDONLY | O_DIRECTORY));
        TRY_CONTEXT(pins.attach_host(cgroup.get(), folder), "cgroup '{}'", places_.cgroup);
    }
    bool published = false;
    const Journal journal(places_.run_dir + "/net");
    for (const auto& network : TRY(journal.networks())) {
        const auto rules = journal.read_network(network);
        if (!rules.ok() || rules->driver != driver_name || route_.interface_index(rules->bridge) == 0) continue;
        TRY(attach_network(pins, rules->bridge));
        for (const auto& container : TRY(journal.containers(network))) {
            const auto attachment = journal.read(network, container);
            if (!attachment.ok() || route_.interface_index(attachment->host_interface) == 0) continue;
            TRY(attach_wire(pins, rules->bridge, attachment->host_interface, attachment->mac, attachment->addresses));
            for (const auto& [port, endpoint] : entries_of(*attachment)) TRY(pins.put(port, endpoint));
            published = published || has_tcp(*attachment);
        }
    }
    return published ? attach_outside(pins) : Result<>();
}

// often: at every start.
Result<> Routes::attach(int program, const char* name, unsigned interface, os::InterfaceSide side, bool often) {
    if (places_.ways == Places::Ways::tcx) return os::bpf_attach_interface(program, interface, side);
    if (!often && places_.ways == Places::Ways::usual) return net::attach_program(route_, program, name, interface, side);
    auto attached = net::attach_filter(route_, program, name, interface, side);
    if (attached.ok() || attached.error().code() != Errc::unsupported || places_.ways == Places::Ways::filters) return attached;
    return os::bpf_attach_interface(program, interface, side);
}

Result<> Routes::attach_network(route::Pins& pins, const std::string& bridge) {
    TRY_CONTEXT(
        attach(pins.to_container(), "route_to_container", route_.interface_index(bridge), os::InterfaceSide::egress, false),
        "interface '{}'", bridge);
    return {};
}

Result<> Routes::attach_wire(route::Pins& pins, const std::string& bridge, const std::string& host_interface,
                             const std::string& mac, const std::vector<Address>& addresses) {
    const unsigned index = route_.interface_index(host_interface), network = route_.interface_index(bridge);
    if (index == 0 || network == 0)
        return error(Errc::unavailable, "interface '{}' is gone", index == 0 ? host_interface : bridge);
    route_wire wire{};
    wire.network = network;
    route_container container{};
    container.wire = index;
    container.network = network;
    (mac + net::interface_mac(bridge)).copy(reinterpret_cast<char*>(container.header), sizeof container.header);
    for (const auto& address : addresses) {
        const std::string bytes = address.bytes();
        bytes.copy(address.family == Family::v4 ? reinterpret_cast<char*>(&wire.v4) : reinterpret_cast<char*>(wire.v6),
                   bytes.size());
    }
    TRY(pins.put(index, wire));
    for (const auto& address : addresses) TRY(pins.put(route::address_of(address.bytes()), container));
    TRY_CONTEXT(attach(pins.from_container(), "route_from_container", index, os::InterfaceSide::ingress, true),
                "interface '{}'", host_interface);
    return {};
}

Result<> Routes::ensure_network(const NetworkPlan& network, bool mend) {
    const std::string &near = network.bridge, far = net::trunk_name('a', network, 0);
    if (!mend && route_.interface_flags(near) & IFF_UP) return {};
    if (route_.interface_index(near) == 0) {
        NetlinkMessage message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
        message.put_text(IFLA_IFNAME, near).put(IFLA_ADDRESS, net::interface_mac(near));
        if (network.mtu != 0) message.put_u32(IFLA_MTU, network.mtu);
        net::put_burst(message, burst);
        message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
            info.put_text(IFLA_INFO_KIND, "veth");
            info.nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
                data.nest(VETH_INFO_PEER, [&](NetlinkMessage& peer) {
                    peer.header(ifinfomsg{});
                    peer.put_text(IFLA_IFNAME, far);
                });
            });
        });
        auto made = route_.request(std::move(message), fmt::format("make interface '{}'", near));
        // Another start may have been faster.
        if (!made.ok() && made.error().sys() != EEXIST) return made;
    }
    const unsigned link = route_.interface_index(near);
    TRY(net::settle_interface(near));
    TRY(attach_network(*TRY(pins()), near));
    std::vector<NetlinkMessage> messages;
    std::vector<std::string> steps;
    for (const auto& range : {network.v4, network.v6}) {
        if (!range) continue;
        messages.push_back(net::address_message(link, range->gateway, range->cidr.prefix));
        steps.push_back(fmt::format("set the gateway's address on '{}'", near));
    }
    messages.push_back(up_message(far));
    steps.push_back(fmt::format("bring '{}' up", far));
    // Nobody is asked for a neighbour: the program knows where an address is.
    messages.push_back(link_message(RTM_NEWLINK, 0, link, IFF_UP | IFF_NOARP));
    steps.push_back(fmt::format("bring '{}' up", near));
    messages.push_back(settle_message(near));
    const auto outcomes = TRY(route_.exchange(messages));
    for (std::size_t at = 0; at < steps.size(); ++at)
        if (!outcomes[at].ok() && outcomes[at].number != EEXIST) return outcomes[at].error(steps[at]);
    return network.v6 ? await_local(network.v6->gateway) : Result<>();
}

Result<> Routes::connect(const AttachPlan& plan, const Wire& wire, int netns) {
    route::Pins* const pinned = TRY(pins());
    net::Inside inside = TRY(net::Inside::open(netns, net::Reach::gateway));
    const std::string& bridge = plan.network.bridge;
    // The host's ends have the gateway's MAC: what the container sends to the gateway is meant for them.
    TRY(make_veth(plan, wire, netns, net::interface_mac(bridge), burst));
    TRY(attach_wire(*pinned, bridge, wire.host_interface, wire.mac, wire.addresses));
    // With the program on it, and not before: nothing unchecked gets in.
    TRY(route_.request(up_message(wire.host_interface, net::link_alias(plan.network.name, plan.container)),
                       fmt::format("bring '{}' up", wire.host_interface)));
    TRY(inside.configure(plan, wire.addresses, net::interface_mac(bridge)));
    std::vector<NetlinkMessage> messages;
    messages.push_back(settle_message(wire.host_interface));
    TRY(route_.exchange(messages));
    return {};
}

Result<> Routes::change(const AttachPlan& plan, const Attachment& /*attachment*/, int netns) {
    return TRY(net::Inside::open(netns, net::Reach::gateway)).move_default_route(plan);
}

Result<> Routes::reconnect(const NetworkPlan& network, const Attachment& attachment) {
    TRY(attach_wire(*TRY(pins()), network.bridge, attachment.host_interface, attachment.mac, attachment.addresses));
    return publish(attachment);
}

Result<> Routes::publish(const Attachment& attachment) {
    const auto entries = entries_of(attachment);
    if (entries.empty()) return {};
    route::Pins* const pinned = TRY(pins());
    for (const auto& [port, endpoint] : entries) TRY(pinned->put(port, endpoint));
    return has_tcp(attachment) ? attach_outside(*pinned) : Result<>();
}

Result<std::vector<unsigned>> Routes::outside_interfaces() {
    std::set<unsigned> own{route_.interface_index("lo"), route_.interface_index(net::Detour::again)}, found;
    const Journal journal(places_.run_dir + "/net");
    for (const auto& network : TRY(journal.networks()))
        if (const auto rules = journal.read_network(network); rules.ok()) own.insert(route_.interface_index(rules->bridge));
    const auto make = [] {
        NetlinkMessage message(RTM_GETADDR);
        message.header(ifaddrmsg{});
        return message;
    };
    TRY(route_.dump(
        make, "list this host's addresses", [&] { found.clear(); },
        [&](const NetlinkReply& reply) {
            const auto* header = reply.header<ifaddrmsg>();
            if (header && !own.contains(header->ifa_index)) found.insert(header->ifa_index);
        }));
    std::vector<unsigned> interfaces;
    for (const unsigned index : found)
        if (char name[IF_NAMESIZE]; if_indextoname(index, name) && !route_.interface_mac(name).empty())
            interfaces.push_back(index);
    return interfaces;
}

Result<> Routes::attach_outside(route::Pins& pins) {
    std::vector<std::pair<unsigned, bool>> wanted;
    for (const unsigned interface : TRY(outside_interfaces())) wanted.emplace_back(interface, false);
    if (const unsigned again = route_.interface_index(net::Detour::again)) wanted.emplace_back(again, true);
    for (const auto& [interface, let_in] : wanted) {
        auto attached = pins.attach_outside(interface, let_in);
        // One without them, or that is gone meanwhile, has the firewall's table.
        if (!attached.ok() && attached.error().code() == Errc::unsupported) return {};
        if (!attached.ok() && attached.error().sys() != ENODEV) return attached;
    }
    return {};
}

Result<bool> Routes::translates(const net::PortRule& port, unsigned interface) {
    if (port.protocol != driver::Protocol::tcp) return false;
    const route::Pins* const pinned = TRY(pins());
    const unsigned again = route_.interface_index(net::Detour::again);
    return pinned->is_attached_outside(interface) && (port.bypass || (again != 0 && pinned->is_attached_outside(again)));
}

Result<> Routes::leave_to_table(const net::ProbePacket& packet, bool leave) {
    if (packet.protocol != driver::Protocol::tcp) return {};
    const route_flow flow{route::address_of(packet.source.bytes()), route::address_of(packet.destination.bytes()),
                          htons(packet.source_port), htons(packet.destination_port)};
    route::Pins* const pinned = TRY(pins());
    return leave ? pinned->put(flow, route_endpoint{{}, 0, route_leave}) : pinned->erase(flow);
}

Result<> Routes::unpublish(const Attachment& attachment) {
    Attachment ports_only = attachment;
    ports_only.addresses.clear();
    return forget(ports_only);
}

Result<> Routes::forget(const Attachment& attachment) {
    if (!pins_) {
        auto there = route::Pins::open(places_.pins);
        if (!there.ok()) return there.error().code() == Errc::not_found ? Result<>() : Result<>(there.error());
        pins_ = std::move(there).value();
    }
    FirstError first;
    for (const auto& [port, endpoint] : entries_of(attachment)) first.note(pins_->erase(port, endpoint));
    for (const auto& address : attachment.addresses) first.note(pins_->erase(route::address_of(address.bytes())));
    return first.result();
}

Result<std::vector<PortLink>> Routes::ports(const NetworkPlan& network) {
    std::vector<PortLink> ports;
    const std::string prefix = net::link_alias(network.name, "");
    const auto make = [] { return link_message(RTM_GETLINK, 0, 0, 0); };
    TRY(route_.dump(
        make, "list interfaces", [&] { ports.clear(); },
        [&](const NetlinkReply& reply) {
            const auto* header = reply.header<ifinfomsg>();
            if (!header) return;
            PortLink port;
            port.alias = os::attribute_text(reply.attribute(sizeof *header, {IFLA_IFALIAS}));
            port.name = os::attribute_text(reply.attribute(sizeof *header, {IFLA_IFNAME}));
            port.index = static_cast<unsigned>(header->ifi_index);
            if (port.alias.starts_with(prefix)) ports.push_back(port);
        }));
    return ports;
}

std::unique_ptr<driver::NetworkDriver> make_driver(std::string data_dir, Places places) {
    const std::string run_dir = places.run_dir;
    return std::make_unique<net::Driver>(
        std::move(data_dir), run_dir, [places = std::move(places)]() -> Result<std::unique_ptr<net::Fabric>> {
            return std::unique_ptr<net::Fabric>(std::make_unique<Routes>(TRY(Routes::open(places))));
        });
}

}  // namespace gantry::ebpf
