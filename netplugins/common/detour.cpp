#include "detour.hpp"

#include "fabric.hpp"
#include "forwarding.hpp"
#include "messages.hpp"
#include "ruleset.hpp"

#include "os/netns.hpp"

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>

namespace gantry::net {

using os::NetlinkMessage;

namespace {

constexpr const char* enter = "gtr-in0";      // packets leave the host's stack here
constexpr const char* again = Detour::again;  // and come in again here
// "gant": the mark of a packet that came in again, the table of routes for it, and the priority in ruleset.cpp.
constexpr std::uint32_t number = 0x67616e74;
constexpr std::uint32_t largest_mtu = 65535;  // ETH_MAX_MTU: whatever came in in one piece goes through in one
// The next hops of nft's dup: nobody's addresses, as the interface asks no neighbours (IFF_NOARP).
constexpr const char *hop4 = "169.254.0.1", *hop6 = "fe80::1";

// The same on both ends: without neighbours a frame is sent to the sender's own.
std::string mac() { return std::string("\x02\x67\x61\x6e\x74\x00", 6); }

NetlinkMessage pair_message() {
    NetlinkMessage message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
    const auto end = [](NetlinkMessage& link, const char* name) {
        link.put_text(IFLA_IFNAME, name).put(IFLA_ADDRESS, mac()).put_u32(IFLA_MTU, largest_mtu);
    };
    end(message, enter);
    message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
            data.nest(VETH_INFO_PEER, [&](NetlinkMessage& peer) {
                peer.header(ifinfomsg{});
                end(peer, again);
            });
        });
    });
    return message;
}

NetlinkMessage up_message(const char* name) {
    ifinfomsg header{};
    header.ifi_flags = IFF_UP | IFF_NOARP;
    header.ifi_change = IFF_UP | IFF_NOARP | IFF_MULTICAST;  // nobody to report groups to
    NetlinkMessage message(RTM_NEWLINK);
    message.header(header).put_text(IFLA_IFNAME, name);
    no_link_local(message);
    return message;
}

NetlinkMessage route_message(int family, unsigned index, std::uint32_t table, std::string_view destination,
                             std::uint8_t length) {
    rtmsg header{};
    header.rtm_family = static_cast<std::uint8_t>(family);
    header.rtm_dst_len = length;
    header.rtm_table = RT_TABLE_UNSPEC;
    header.rtm_protocol = RTPROT_KERNEL;  // systemd-networkd takes away what others made, but not this
    header.rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    header.rtm_type = RTN_UNICAST;
    NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    message.header(header).put_u32(RTA_TABLE, table).put_u32(RTA_OIF, index);
    if (length > 0) message.put(RTA_DST, destination);
    return message;
}

NetlinkMessage rule_message(int family, std::uint32_t priority, const char* interface, std::uint32_t table) {
    fib_rule_hdr header{};
    header.family = static_cast<std::uint8_t>(family);
    header.table = RT_TABLE_UNSPEC;
    header.action = FR_ACT_TO_TBL;
    NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    message.header(header).put_u32(FRA_PRIORITY, priority).put_u32(FRA_FWMARK, number).put_u32(FRA_TABLE, table);
    message.put_u8(FRA_PROTOCOL, RTPROT_KERNEL);
    if (interface) message.put_text(FRA_IIFNAME, interface);
    return message;
}

std::string mark_set(unsigned index) { return fmt::format("interface_{}", index); }

std::string tables_text(unsigned index, bool v6) {
    std::string text;
    for (const auto& [family, hop] : {std::pair("ip", hop4), std::pair("ip6", hop6)}) {
        if (!v6 && hop == hop6) continue;
        text += fmt::format(
            "table {0} gantry\ndelete table {0} gantry\n"
            "table {0} gantry {{\n"
            "  comment \"made by gantry, with table inet gantry\"\n"
            "  set {1} {{ type mark; }}\n"
            "  chain arrive {{\n"
            "    type filter hook input priority 2147483645; policy accept;\n"
            "    meta priority {2:#x} dup to {3} device \"{4}\" drop\n"
            "  }}\n"
            "}}\n",
            family, mark_set(index), number, hop, enter);
    }
    return text;
}

}  // namespace

Result<Detour> Detour::open() { return Detour(TRY(os::NetlinkSocket::open(NETLINK_ROUTE))); }

std::vector<Element> Detour::marks() const {
    std::vector<Element> elements;
    const unsigned index = route_.interface_index(enter);
    if (index == 0) return elements;
    for (const auto& [family, table] : {std::pair(Family::v4, NFPROTO_IPV4), std::pair(Family::v6, NFPROTO_IPV6)})
        if (kernel_has(family))
            elements.push_back({mark_set(index), std::string(sizeof number, '\0'), "", "", static_cast<std::uint8_t>(table)});
    return elements;
}

// The reverse path of such a packet leads to where it first came in, and the kernel (rp_filter, which many hosts set to strict)
// and firewalld (rpfilter for IPv6) would drop it. Marked packets have a route back to where they came in again; routes for the
// packet itself are those of everybody (the first rule: the packet's own look-up names the interface it came in by, a reverse
// one does not; __mkroute_input and fib_validate_source in net/ipv4).
Result<> Detour::make_links() {
    std::vector<NetlinkMessage> messages;
    messages.push_back(pair_message());
    auto outcomes = TRY(route_.exchange(messages));
    if (!outcomes[0].ok() && outcomes[0].number != EEXIST) return outcomes[0].error(fmt::format("make interface '{}'", enter));
    for (const auto& [key, value] : {std::pair("src_valid_mark", "1"), std::pair("forwarding", "1")})
        TRY(os::set_sysctl(fmt::format("net/ipv4/conf/{}/{}", again, key), value));
    const unsigned in = route_.interface_index(enter), out = route_.interface_index(again);
    messages.clear();
    messages.push_back(up_message(enter));
    messages.push_back(up_message(again));
    for (const int family : {AF_INET, AF_INET6}) {
        if (family == AF_INET6 && !kernel_has(Family::v6)) continue;
        messages.push_back(rule_message(family, 1, again, RT_TABLE_MAIN));
        messages.push_back(rule_message(family, 2, nullptr, number));
        messages.push_back(route_message(family, out, number, "", 0));
        if (family == AF_INET6)
            messages.push_back(route_message(family, in, RT_TABLE_MAIN, TRY(Address::parse("fe80::")).bytes(), 64));
    }
    outcomes = TRY(route_.exchange(messages));
    for (const auto& outcome : outcomes)
        if (!outcome.ok() && outcome.number != EEXIST) return outcome.error(fmt::format("set up interface '{}'", enter));
    return {};
}

Result<> Detour::make() {
    TRY(make_links());
    auto loaded =
        load_ruleset(tables_text(route_.interface_index(enter), kernel_has(Family::v6)), "tables 'ip gantry', 'ip6 gantry'");
    if (loaded.ok()) return loaded;
    return error(Errc::unsupported,
                 "published ports cannot be left to the host's firewall ({}): it takes a kernel with "
                 "nft_dup_ipv4 and nft_dup_ipv6, or bypass_firewall = true",
                 loaded.error().message());
}

}  // namespace gantry::net
