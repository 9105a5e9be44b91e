// The container's side of the wire.
#pragma once

#include "plan.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

class Inside {
public:
    // Visits netns once: opens a socket there and sets what a new interface takes over. No router advertisement is believed
    // (another container could send one: CVE-2020-13401), and no duplicate address is looked for.
    static Result<Inside> open(int netns);
    // Loopback up, addresses, default routes and, if the MAC is given, the gateways' neighbour entries.
    Result<> configure(const AttachPlan& plan, const std::vector<Address>& addresses, const std::string& gateway_mac);

private:
    explicit Inside(os::NetlinkSocket route) : route_(std::move(route)) {}
    os::NetlinkSocket route_;
};

}  // namespace gantry::net
