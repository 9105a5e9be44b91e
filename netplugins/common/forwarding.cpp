#include "forwarding.hpp"

#include "os/file.hpp"
#include "os/netns.hpp"

#include <charconv>

namespace gantry::net {

namespace {

// Switching IPv6 forwarding on drops routes learned from router advertisements and ignores further ones, except where
// accept_ra is 2 (rt6_purge_dflt_routers, ip-sysctl.rst).
Result<> keep_router_advertisements() {
    for (const auto& interface : TRY(os::list_dir("/proc/sys/net/ipv6/conf"))) {
        const std::string key = fmt::format("net/ipv6/conf/{}/accept_ra", interface);
        if (const auto value = os::get_sysctl(key); !value.ok() || *value != "1")
            continue;  // gone meanwhile, or nothing to keep
        auto kept = os::set_sysctl(key, "2");
        if (!kept.ok() && kept.error().code() != Errc::not_found) return kept;
    }
    return {};
}

Result<> switch_on(Family family, Firewall& firewall) {
    const std::string key = family == Family::v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
    auto value = os::get_sysctl(key);
    if (!value.ok()) return std::move(value).error();
    if (*value != "0") return {};
    TRY(firewall.close(family));
    if (family == Family::v6) TRY(keep_router_advertisements());
    return os::set_sysctl(key, "1");
}

}  // namespace

bool kernel_has(Family family) { return family == Family::v4 || os::path_exists("/proc/sys/net/ipv6"); }

Result<> ensure_forwarding(const NetworkPlan& network, Firewall& firewall) {
    if (network.internal) return {};
    for (const Family family : {Family::v4, Family::v6})
        if (network.range(family)) TRY_CONTEXT(switch_on(family, firewall), "switch on forwarding");
    return {};
}

Result<> allow_host_loopback(const NetworkPlan& network) {
    return os::set_sysctl(fmt::format("net/ipv4/conf/{}/route_localnet", network.bridge), "1");
}

void ensure_neighbour_room() {
    // Only the first namespace has these; elsewhere there is nothing to do. A refusal costs speed, not function.
    for (const char* family : {"ipv4", "ipv6"}) {
        for (const auto& [name, wanted] :
             {std::pair{"gc_thresh3", 32768}, std::pair{"gc_thresh2", 16384}, std::pair{"gc_thresh1", 8192}}) {
            const std::string key = fmt::format("net/{}/neigh/default/{}", family, name);
            const auto text = os::get_sysctl(key);
            int value = wanted;
            if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), value);
            if (value < wanted) (void)os::set_sysctl(key, fmt::format("{}", wanted)).ok();
        }
    }
}

}  // namespace gantry::net
