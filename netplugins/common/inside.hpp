// The container's side of the wire.
#pragma once

#include "plan.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

// Where the others of the subnet are: on the link, or behind the gateway like all the world.
enum class Reach : std::uint8_t { link, gateway };

class Inside {
public:
    // Visits netns once: opens a socket there and sets what a new interface takes over. No router advertisement is believed
    // (another container could send one: CVE-2020-13401), and no duplicate address is looked for.
    static Result<Inside> open(int netns, Reach reach = Reach::link);
    // Loopback up, addresses, routes and, if the MAC is given, the gateways' neighbour entries.
    Result<> configure(const AttachPlan& plan, const std::vector<Address>& addresses, const std::string& gateway_mac);
    // Of an interface that is configured: the default route is through it from now on, whoever had it, or is not.
    Result<> move_default_route(const AttachPlan& plan);
    // Of what the container sends; bits a second, 0: no limit.
    Result<> limit_rate(const std::string& interface, std::uint64_t rate);

private:
    Inside(os::NetlinkSocket route, Reach reach) : route_(std::move(route)), reach_(reach) {}
    os::NetlinkSocket route_;
    Reach reach_;
};

}  // namespace gantry::net
