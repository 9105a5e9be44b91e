#include "inside.hpp"

#include "messages.hpp"
#include "rate.hpp"

#include "os/netns.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>

namespace gantry::net {

using os::NetlinkMessage;

Result<Inside> Inside::open(int netns, Reach reach) {
    auto visit = TRY(os::NetnsVisit::enter(netns));
    Inside inside(TRY_CONTEXT(os::NetlinkSocket::open(NETLINK_ROUTE), "in the container's network namespace"), reach);
    // MLDv1: a snooping bridge keeps its reports to itself, while it floods those of version 2 to every port
    // (net/bridge/br_multicast.c sets mrouters_only for the former alone). Sources are filtered by the receiver either way.
    const char* folder = "net/ipv6/conf/default";
    // Without a link that others are on, a link-local address (addr_gen_mode 1: none) is of no use.
    auto set = reach == Reach::link
                   ? os::set_sysctls(folder, {{"accept_ra", "0"}, {"accept_dad", "0"}, {"force_mld_version", "1"}})
                   : os::set_sysctls(folder, {{"accept_ra", "0"}, {"accept_dad", "0"}, {"addr_gen_mode", "1"}});
    // A kernel without IPv6 has none of them.
    if (!set.ok() && set.error().code() != Errc::not_found)
        return std::move(set).error().context("in the container's network namespace");
    return inside;
}

Result<> Inside::configure(const AttachPlan& plan, const std::vector<Address>& addresses, const std::string& gateway_mac) {
    const unsigned link = route_.interface_index(plan.interface);
    if (link == 0) return error(Errc::internal, "interface '{}' is not in the container's network namespace", plan.interface);
    std::vector<NetlinkMessage> messages;
    std::vector<std::string> steps;
    std::vector<std::size_t> hints;  // what the container would ask for by itself
    if (!(route_.interface_flags("lo") & IFF_UP)) {
        messages.push_back(link_message(RTM_NEWLINK, 0, 1, IFF_UP));  // always the first interface (LOOPBACK_IFINDEX)
        steps.emplace_back("bring 'lo' up");
    }
    messages.push_back(link_message(RTM_NEWLINK, 0, link, IFF_UP));
    steps.push_back(fmt::format("bring '{}' up", plan.interface));
    for (const auto& address : addresses) {
        const auto& range = plan.network.range(address.family);
        const bool routed = reach_ == Reach::gateway;
        messages.push_back(routed ? routed_address_message(link, address, range->cidr.prefix)
                                  : address_message(link, address, range->cidr.prefix));
        steps.push_back(fmt::format("set address '{}' on '{}'", address.str(), plan.interface));
        if (!gateway_mac.empty()) {
            messages.push_back(routed ? permanent_neighbour_message(link, range->gateway, gateway_mac)
                                      : neighbour_message(link, range->gateway, gateway_mac));
            if (!routed) hints.push_back(steps.size());
            steps.push_back(fmt::format("tell the neighbour '{}'", range->gateway.str()));
        }
        if (routed) {
            const Cidr everywhere{Address{address.family, 0}, 0};
            messages.push_back(onlink_route_message(link, plan.default_route ? everywhere : range->cidr, range->gateway));
            steps.push_back(fmt::format("set the route through '{}'", range->gateway.str()));
        } else if (plan.default_route) {
            messages.push_back(default_route_message(link, range->gateway));
            steps.push_back(fmt::format("set the default route through '{}'", range->gateway.str()));
        }
    }
    const auto outcomes = TRY_CONTEXT(route_.exchange(messages), "configure interface '{}'", plan.interface);
    for (std::size_t at = 0; at < outcomes.size(); ++at) {
        // The neighbour table, which all namespaces share, is full (gc_thresh3).
        if (outcomes[at].number == ENOBUFS && std::ranges::find(hints, at) != hints.end()) continue;
        TRY(outcomes[at].result(steps[at]));
    }
    return {};
}

Result<> Inside::move_default_route(const AttachPlan& plan) {
    const unsigned link = route_.interface_index(plan.interface);
    if (link == 0) return error(Errc::not_found, "interface '{}' is not in the container's network namespace", plan.interface);
    std::vector<NetlinkMessage> messages;
    std::vector<std::string> steps;
    for (const auto& range : {plan.network.v4, plan.network.v6}) {
        if (!range) continue;
        const Family family = range->cidr.network.family;
        if (reach_ == Reach::gateway) {
            // Without the default route the subnet needs one of its own.
            const Cidr everywhere{Address{family, 0}, 0};
            messages.push_back(
                onlink_route_message(link, plan.default_route ? everywhere : range->cidr, range->gateway, RouteIs::replaced));
            steps.push_back(fmt::format("set the route through '{}'", range->gateway.str()));
        } else if (plan.default_route) {
            messages.push_back(default_route_message(link, range->gateway, RouteIs::replaced));
            steps.push_back(fmt::format("set the default route through '{}'", range->gateway.str()));
        }
        if (plan.default_route) continue;
        messages.push_back(no_default_route_message(link, family));
        steps.push_back(fmt::format("take away the default route through '{}'", plan.interface));
    }
    const auto outcomes = TRY_CONTEXT(route_.exchange(messages), "configure interface '{}'", plan.interface);
    for (std::size_t at = 0; at < outcomes.size(); ++at)
        if (outcomes[at].number != ESRCH) TRY(outcomes[at].result(steps[at]));  // ESRCH: it had none
    return {};
}

Result<> Inside::limit_rate(const std::string& interface, std::uint64_t rate) {
    return net::limit_rate(route_, interface, rate);
}

}  // namespace gantry::net
