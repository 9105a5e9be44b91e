// Whether published ports are reached from outside: one packet for each, and what became of it.
#include "driver.hpp"
#include "fabric.hpp"
#include "trace.hpp"

#include "base/names.hpp"
#include "os/netlink.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/random.h>

#include <cerrno>

namespace gantry::net {

using driver::NetworkConfig;
using driver::PortCheck;

namespace {

// Addresses that nobody has (RFC 5737, RFC 3849): somewhere in the world.
constexpr const char *world4 = "203.0.113.1", *world6 = "2001:db8:ffff::1";

struct Way {
    unsigned interface = 0;
    std::string name;
    std::optional<Address> own;  // this host's address towards the source
};

// By which interface the host's answer to that address would leave: packets from there are to come in by it.
Result<Way> way_to(const Address& source) {
    os::NetlinkSocket route = TRY(os::NetlinkSocket::open(NETLINK_ROUTE));
    rtmsg header{};
    header.rtm_family = static_cast<std::uint8_t>(address_family(source.family));
    header.rtm_dst_len = static_cast<std::uint8_t>(address_bits(source.family));
    os::NetlinkMessage message(RTM_GETROUTE);
    message.header(header).put(RTA_DST, source.bytes());
    Way way;
    bool local = false;
    TRY(route.request(std::move(message), fmt::format("look up the route to '{}'", source.str()),
                      [&](const os::NetlinkReply& reply) {
                          const auto* found = reply.header<rtmsg>();
                          if (!found) return;
                          local = found->rtm_type == RTN_LOCAL;
                          way.interface = os::attribute_value<std::uint32_t>(reply.attribute(sizeof *found, {RTA_OIF}));
                          if (const auto own = reply.attribute(sizeof *found, {RTA_PREFSRC}); !own.empty())
                              way.own = Address::from_bytes(own);
                      }));
    if (local) return error(Errc::invalid, "'{}' is an address of this host itself", source.str());
    char name[IF_NAMESIZE];
    if (way.interface == 0 || !if_indextoname(way.interface, name))
        return error(Errc::not_found, "there is no route to '{}'", source.str());
    way.name = name;
    return way;
}

bool is_loopback(const Address& address) {
    return address.family == Family::v4 ? (address.value >> 24) == 127 : address.value == 1;
}

std::uint16_t random_port() {
    std::uint16_t number = 0;
    [[maybe_unused]] const ssize_t got = getrandom(&number, sizeof number, 0);
    return static_cast<std::uint16_t>(49152 + number % 16384);  // RFC 6335's dynamic ports
}

Result<> check_one(Fabric& fabric, const PortRule& rule, const Address& source, PortCheck& check) {
    if (rule.host && is_loopback(*rule.host)) {
        check.destination = rule.host->str();
        check.decision = "its address is the host's loopback, which nobody outside reaches";
        return {};
    }
    auto way = way_to(source);
    if (!way.ok()) {
        check.decision = way.error().message();
        return {};
    }
    if (!rule.host && !way->own) {
        check.decision = fmt::format("interface '{}' has no address", way->name);
        return {};
    }
    const ProbePacket packet{rule.protocol, source, rule.host ? *rule.host : *way->own, random_port(), rule.host_port};
    check.destination = packet.destination.str();
    check.interface = way->name;
    const bool translated = TRY(fabric.translates(rule, way->interface));
    if (translated && rule.bypass) {
        check.open = true;
        check.decision = "nothing is in its way";  // a program takes it where it comes in
        return {};
    }
    const std::string mac = TRY(os::NetlinkSocket::open(NETLINK_ROUTE)).interface_mac(way->name);
    PacketTrace trace = TRY(PacketTrace::open(packet, rule.target, rule.target_port));
    TRY(fabric.leave_to_table(packet, true));
    const auto sent = receive_frame(way->interface, probe_frame(packet, mac));
    auto read = sent.ok() ? trace.read(translated) : Result<PacketTrace::Outcome>(sent.error());
    TRY(fabric.leave_to_table(packet, false));
    const auto outcome = TRY(std::move(read));
    check.open = outcome.reached;
    check.decision = outcome.decision;
    return {};
}

}  // namespace

Result<std::vector<PortCheck>> Driver::check_ports(const std::string& container, const NetworkConfig& network,
                                                   const std::string& source) {
    TRY(ContainerName::parse(container));
    TRY(ObjectName::parse("network", network.name));
    const Attachment attachment = TRY(journal_.read(network.name, container));
    std::optional<Address> from;
    if (!source.empty()) from = TRY(Address::parse(source));
    const auto fabric = TRY(open_fabric_());
    std::vector<PortCheck> checks;
    for (const PortRule& rule : attachment.ports) {
        if (from && from->family != rule.target.family) continue;
        const Address sender = from ? *from : TRY(Address::parse(rule.target.family == Family::v4 ? world4 : world6));
        PortCheck check;
        check.port = {rule.protocol, rule.host ? rule.host->str() : "", rule.host_port, rule.target_port, rule.bypass};
        check.source = sender.str();
        TRY_CONTEXT(check_one(*fabric, rule, sender, check), "port {}/{}", rule.host_port, protocol_name(rule.protocol));
        checks.push_back(std::move(check));
    }
    return checks;
}

}  // namespace gantry::net
