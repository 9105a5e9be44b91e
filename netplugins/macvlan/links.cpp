#include "links.hpp"

#include "fabric.hpp"
#include "messages.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>

namespace gantry::macvlan {

using net::link_message;
using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// "gantry NETWORK", as `ip -d link` shows it: a VLAN that we made, and may remove.
std::string vlan_alias(const std::string& network) { return fmt::format("gantry {}", network); }

Error missing(const os::NetlinkOutcome& outcome, const std::string& what, const char* kind, const char* option) {
    if (outcome.number != EOPNOTSUPP) return outcome.error(what);
    return gantry::error(Errc::unsupported, "{}: this kernel has no {} ({})", what, kind, option);
}

}  // namespace

Result<Links> Links::open() { return Links(TRY(os::NetlinkSocket::open(NETLINK_ROUTE))); }

Result<> Links::ensure_link(const Parent& parent, const std::string& network) {
    const unsigned index = route_.interface_index(parent.interface);
    if (index == 0) return error(Errc::not_found, "parent '{}': the host has no such interface", parent.interface);
    if (parent.vlan == 0) return {};
    const std::string name = parent.link();
    std::vector<NetlinkMessage> messages;
    if (route_.interface_index(name) == 0) {
        messages.push_back(link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0));
        messages.back().put_text(IFLA_IFNAME, name).put_u32(IFLA_LINK, index).nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
            info.put_text(IFLA_INFO_KIND, "vlan").nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
                data.put_u16(IFLA_VLAN_ID, parent.vlan);
            });
        });
        const auto made = TRY(route_.exchange(messages));
        // Another start may have been faster.
        if (!made[0].ok() && made[0].number != EEXIST)
            return missing(made[0], fmt::format("make interface '{}'", name), "VLANs", "CONFIG_VLAN_8021Q");
        // The host has no part in that link: no address of its own.
        messages.clear();
        messages.push_back(link_message(RTM_NEWLINK, 0, 0, 0));
        messages.back().put_text(IFLA_IFNAME, name).put(IFLA_IFALIAS, vlan_alias(network));
        net::no_link_local(messages.back());
    }
    messages.push_back(link_message(RTM_NEWLINK, 0, 0, IFF_UP));
    messages.back().put_text(IFLA_IFNAME, name);
    for (const auto& outcome : TRY(route_.exchange(messages))) TRY(outcome.result(fmt::format("bring up '{}'", name)));
    return {};
}

Result<> Links::remove_link(const Parent& parent, const std::string& network) {
    if (parent.vlan == 0 || route_.interface_index(parent.link()) == 0) return {};
    std::string alias;
    NetlinkMessage question = link_message(RTM_GETLINK, 0, 0, 0);
    question.put_text(IFLA_IFNAME, parent.link());
    TRY(route_.request(
        std::move(question), fmt::format("look at interface '{}'", parent.link()),
        [&](const NetlinkReply& reply) { alias = os::attribute_text(reply.attribute(sizeof(ifinfomsg), {IFLA_IFALIAS})); }));
    if (alias != vlan_alias(network)) return {};
    NetlinkMessage removal = link_message(RTM_DELLINK, 0, 0, 0);
    removal.put_text(IFLA_IFNAME, parent.link());
    return route_.request(std::move(removal), fmt::format("remove interface '{}'", parent.link()));
}

Result<> Links::make(const Parent& parent, const std::string& interface, const std::string& mac, std::uint32_t mtu, int netns) {
    std::vector<NetlinkMessage> messages;
    messages.push_back(link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0));
    messages.back()
        .put_text(IFLA_IFNAME, interface)
        .put(IFLA_ADDRESS, mac)
        .put_u32(IFLA_LINK, route_.interface_index(parent.link()))
        .put_u32(IFLA_NET_NS_FD, static_cast<unsigned>(netns));
    if (mtu != 0) messages.back().put_u32(IFLA_MTU, mtu);
    messages.back().nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_text(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
            data.put_u32(IFLA_MACVLAN_MODE, parent.mode);
        });
    });
    const auto made = TRY(route_.exchange(messages));
    if (made[0].ok()) return {};
    return missing(made[0], fmt::format("make interface '{}' on '{}'", interface, parent.link()), "macvlan", "CONFIG_MACVLAN");
}

Result<> Links::remove(const std::string& interface, std::int32_t namespace_id) {
    NetlinkMessage removal = link_message(RTM_DELLINK, 0, 0, 0);
    // Linux 4.17: of another namespace.
    removal.put_text(IFLA_IFNAME, interface).put(IFLA_TARGET_NETNSID, &namespace_id, sizeof namespace_id);
    auto removed = route_.request(std::move(removal), fmt::format("remove interface '{}'", interface));
    // EINVAL: the number is nobody's any more.
    if (!removed.ok() && (removed.error().sys() == ENODEV || removed.error().sys() == EINVAL)) return {};
    return removed;
}

}  // namespace gantry::macvlan
