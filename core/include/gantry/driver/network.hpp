// Network drivers connect a container's network namespace to the world.
//
// Life cycle: probe once per process; network_create, network_remove, network_reload by whoever changes networks; validate and
// prepare in gantry-launch, before the container's process runs; teardown in ExecStopPost= (and by anyone, at any time);
// status anywhere. All calls run as root in the host's namespaces; what must happen inside the container's is done through
// netns. Calls for different containers run in parallel in many processes at once (200 starts are one systemctl call), so the
// driver keeps no state in memory and takes no lock that all starts of a host would queue behind.
//
// What a running container holds in its namespace dies with it. What must live outside (address lease, firewall elements) the
// driver writes below HostContext::data_dir or run_dir before it takes effect, so that teardown can reap it after any crash.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/abi.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gantry::driver {

using Options = std::vector<std::pair<std::string, std::string>>;

struct Subnet {
    std::string cidr;      // "10.88.0.0/16", "fd00:88::/64"
    std::string gateway;   // "10.88.0.1"; empty: the first address
    std::string ip_range;  // "10.88.4.0/24": leases come from here only; empty: all of cidr
};

struct NetworkConfig {
    std::string name;
    std::string driver;
    std::vector<Subnet> subnets;  // at most one of each family; empty: the driver's pool decides at network_create
    bool internal = false;        // no way out: no masquerade, no default route
    bool isolated = true;         // not reachable from other networks of this host
    std::uint32_t mtu = 0;        // bytes; 0: the driver's default
    Options options;              // the driver's own keys, documented in its README
};

enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };  // IANA protocol numbers

struct PublishedPort {
    Protocol protocol = Protocol::tcp;
    std::string host_address;     // empty: every address, both families
    std::uint16_t host_port = 0;  // 0: one from the host's ephemeral range, told in AttachStatus::ports
    std::uint16_t container_port = 0;
    // Reachable from outside even where the host's firewall drops or rejects what comes in for that port. Since 1.3, in what
    // was padding: drivers that do not know it find the members where they were.
    bool bypass_firewall = false;
};

struct AttachRequest {
    std::string container;  // its name: the key of everything the driver keeps for it
    std::string container_id;
    NetworkConfig network;
    std::string interface;        // name inside the container, "eth0"
    bool default_route = true;    // this network carries the container's default route
    std::string ipv4, ipv6, mac;  // static; empty: a stable lease, a MAC derived from it
    std::vector<PublishedPort> ports;
    Options options;  // of the definition's [[networks]] entry
    // Since 1.3: most bits a second that the container sends, and that it is sent, on this network; 0: no limit.
    std::uint64_t rate_up = 0, rate_down = 0;
    // Since 1.3, where takes_resolver_port() says so: what the container asks the network's gateways at port 53 (TCP and UDP)
    // goes to this port of theirs instead; 0: nothing is changed.
    std::uint16_t resolver_port = 0;
};

struct AttachStatus {
    std::string network;
    std::string interface;
    std::string mac;
    std::vector<std::string> addresses;  // with prefix length: "10.88.0.2/16"
    std::vector<std::string> gateways;
    std::vector<std::string> dns;      // resolvers that this network offers; usually none
    std::vector<PublishedPort> ports;  // with every host_port known
};

struct Lease {
    std::string network, container, address;
};

// What became of a packet that came in for a published port as if from outside.
struct PortCheck {
    PublishedPort port;
    std::string source, destination;  // addresses of the packet
    std::string interface;            // of the host, by which it came in
    bool open = false;
    std::string decision;  // the rule that decided, or what else stopped it
};

class NetworkDriver {
public:
    virtual ~NetworkDriver() = default;

    virtual Result<> probe() = 0;

    // Completes and checks a configuration (subnets from the pool that overlap nothing on this host and no other). The caller
    // stores what comes back. Where no subnet is asked for, options hold the engine's address pools, "pool" = "SUBNET:PREFIX"
    // any number of times; they are the call's, not the network's. Touches no kernel object: those are made by the first
    // prepare.
    virtual Result<NetworkConfig> network_create(const NetworkConfig& wanted, const std::vector<NetworkConfig>& others) = 0;
    // Removes kernel objects and leases; Errc::in_use while containers are attached. Idempotent.
    virtual Result<> network_remove(const NetworkConfig& network) = 0;
    // Puts back whatever should be there and is not (flushed rules, a removed bridge), also for running containers.
    virtual Result<> network_reload(const NetworkConfig& network) = 0;

    virtual Result<> validate(const AttachRequest& request) = 0;
    // netns: the container's network namespace (an open /proc/PID/ns/net). Makes the network's kernel objects if missing. On
    // error nothing of this call is left. Idempotent for a container that crashed before: what was left is replaced.
    virtual Result<AttachStatus> prepare(const AttachRequest& request, int netns) = 0;
    // Removes what lives outside the namespace, and the interface where the namespace lives on; keeps the lease where
    // keep_lease (a stop), frees it where not (a removal). Idempotent; goes on past errors and returns the first.
    virtual Result<> teardown(const std::string& container, const NetworkConfig& network, bool keep_lease) = 0;
    virtual Result<std::vector<Lease>> leases(const NetworkConfig& network) = 0;
    // Removes what belongs to containers that are not in `alive` (rules, interfaces) and leases of those not in `known`.
    // dry_run only reports. Returns one line per finding.
    virtual Result<std::vector<std::string>> recover(const NetworkConfig& network, const std::vector<std::string>& alive,
                                                     const std::vector<std::string>& known, bool dry_run) = 0;

    // Since 1.3. Publishes request.ports for a container that is attached, beside the ports that it has: all or none. Returns
    // them with every host_port known.
    virtual Result<std::vector<PublishedPort>> publish(const AttachRequest& request) {
        return error(Errc::unsupported, "network driver '{}' cannot publish ports of a running container",
                     request.network.driver);
    }
    // Since 1.3. Takes back ports of an attached container: no new connection comes by them. Errc::not_found names one that it
    // does not have, and changes nothing.
    virtual Result<> unpublish(const std::string& /*container*/, const NetworkConfig& network,
                               const std::vector<PublishedPort>& /*ports*/) {
        return error(Errc::unsupported, "network driver '{}' cannot take back ports of a running container", network.driver);
    }
    // Since 1.3. Whether packets from outside get to the published ports of an attached container, tried with a real packet for
    // each port and family, which the container does not see. source: the address that they come from, by the interface that
    // leads there; empty: one somewhere in the world.
    virtual Result<std::vector<PortCheck>> check_ports(const std::string& /*container*/, const NetworkConfig& network,
                                                       const std::string& /*source*/) {
        return error(Errc::unsupported, "network driver '{}' cannot check ports", network.driver);
    }
    // Since 1.3. Whether AttachRequest::resolver_port is heeded.
    [[nodiscard]] virtual bool takes_resolver_port() const { return false; }
    // Since 1.4. An address of each of the network's families that is no interface's, leased to an owner that is no container
    // ("service:NAME"; no container's name has a colon) until it is released: the same ones again for the same owner. leases()
    // lists them; recover() frees those whose owner is not among `known`.
    virtual Result<std::vector<std::string>> reserve(const std::string& /*owner*/, const NetworkConfig& network) {
        return error(Errc::unsupported, "network driver '{}' has no addresses for services", network.driver);
    }
    // Since 1.4. Idempotent.
    virtual Result<> release(const std::string& /*owner*/, const NetworkConfig& /*network*/) { return {}; }
    // Since 1.4. Rates and default route of an attached container become those of the request, which is otherwise as it was at
    // prepare(). default_route false takes the route away where it leads over this network. On error nothing has changed.
    virtual Result<> change(const AttachRequest& request, int /*netns*/) {
        return error(Errc::unsupported, "network driver '{}' cannot change a running container's network",
                     request.network.driver);
    }
};

}  // namespace gantry::driver
