#include "fabric.hpp"

#include "messages.hpp"
#include "namespaces.hpp"

#include "base/hash.hpp"
#include "os/netns.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>
#include <thread>

namespace gantry::net {

using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// A veth has no queue to speak of: the sender puts each packet on the other end's backlog. The kernel would make one per
// processor all the same, each with objects in /sys.
NetlinkMessage& one_queue(NetlinkMessage& message) {
    return message.put_u32(IFLA_NUM_TX_QUEUES, 1).put_u32(IFLA_NUM_RX_QUEUES, 1);
}

}  // namespace

std::string link_alias(const std::string& network, const std::string& container) {
    return fmt::format("gantry {}/{}", network, container);
}

std::string trunk_name(char end, const NetworkPlan& network, unsigned index) {
    return fmt::format("gt{}-{:08x}-{}", end, fnv1a(network.name) & 0xffffffffU, index);
}

void no_link_local(NetlinkMessage& message) {
    message.nest(IFLA_AF_SPEC, [](NetlinkMessage& families) {
        families.nest(AF_INET6, [](NetlinkMessage& inet6) { inet6.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
    });
}

void put_burst(NetlinkMessage& message, std::uint32_t burst) {
    constexpr int gso_ipv4_max_size = 63;  // IFLA_GSO_IPV4_MAX_SIZE of linux/if_link.h of Linux 6.3; Debian 12 has that of 6.1
    if (burst != 0) message.put_u32(gso_ipv4_max_size, burst);
}

std::string interface_mac(const std::string& name) {
    const std::uint64_t hash = fnv1a(name);
    std::string bytes("\x02\x67", 2);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(hash >> shift));
    return bytes;
}

Result<> settle_interface(const std::string& name) {
    for (const char* key : {"accept_ra", "accept_dad"}) {
        auto set = os::set_sysctl(fmt::format("net/ipv6/conf/{}/{}", name, key), "0");
        if (!set.ok() && set.error().code() != Errc::not_found) return set;  // missing: no IPv6 in this kernel
    }
    return {};
}

Result<bool> Fabric::translates(const PortRule& /*port*/, unsigned /*interface*/) { return false; }

Result<> Fabric::leave_to_table(const ProbePacket& /*packet*/, bool /*leave*/) { return {}; }

Result<> Fabric::make_veth(const AttachPlan& plan, const Wire& wire, int netns, const std::string& host_mac,
                           std::uint32_t burst) {
    NetlinkMessage message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
    one_queue(message.put_text(IFLA_IFNAME, wire.host_interface));
    if (!host_mac.empty()) message.put(IFLA_ADDRESS, host_mac);
    put_burst(message, burst);
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
                put_burst(peer, burst);
            });
        });
    });
    return route_.request(std::move(message),
                          fmt::format("make interface '{}' (host end '{}')", plan.interface, wire.host_interface));
}

Result<> Fabric::await_local(const Address& address) {
    for (int attempt = 0; attempt < 500; ++attempt) {
        bool local = false;
        rtmsg header{};
        header.rtm_family = static_cast<std::uint8_t>(address_family(address.family));
        header.rtm_dst_len = static_cast<std::uint8_t>(address_bits(address.family));
        NetlinkMessage question(RTM_GETROUTE);
        question.header(header).put(RTA_DST, address.bytes());
        // Nowhere to go is an answer, too.
        auto asked = route_.request(std::move(question), "look up a route", [&](const NetlinkReply& reply) {
            const auto* found = reply.header<rtmsg>();
            local = local || (found && found->rtm_type == RTN_LOCAL);
        });
        if (local || (!asked.ok() && asked.error().sys() != ENETUNREACH)) return asked;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return {};
}

Result<> Fabric::remove(const std::string& interface) {
    NetlinkMessage message = link_message(RTM_DELLINK, 0, 0, 0);
    message.put_text(IFLA_IFNAME, interface);
    auto removed = route_.request(std::move(message), fmt::format("remove interface '{}'", interface));
    if (!removed.ok() && removed.error().sys() == ENODEV) return {};
    return removed;
}

Result<std::int32_t> Fabric::namespace_id(int netns) { return net::namespace_id(route_, netns); }

Result<bool> Fabric::dies_alone(const std::string& interface, std::int32_t namespace_id) {
    if (if_nametoindex(interface.c_str()) == 0) return true;
    return !TRY(namespace_lives(route_, namespace_id));
}

Result<bool> Fabric::dies_alone(const std::string& interface) {
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

Result<> Fabric::remove_network(const NetworkPlan& network) {
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

Result<std::vector<Cidr>> Fabric::routes() {
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

}  // namespace gantry::net
