// What a NetworkConfig and an AttachRequest mean, checked as far as that needs no look at the host.
#pragma once

#include "address.hpp"

#include "gantry/driver/network.hpp"

#include <optional>
#include <vector>

namespace gantry::net {

// A subnet with its gateway and the range that leases come from.
struct Range {
    Cidr cidr;
    Address gateway;
    Cidr pool;
    // The network's address, the broadcast address and the gateway are nobody's lease.
    [[nodiscard]] bool usable(const Address& address) const;
};

struct NetworkPlan {
    std::string name, driver;
    std::string bridge;  // the network's own interface: the first bridge (see bridge_name()), or what stands for it
    std::optional<Range> v4, v6;
    bool internal = false, isolated = true, masquerade = true, open = false;
    bool guard = true;  // containers send with their own MAC and addresses only
    std::uint32_t mtu = 0;

    [[nodiscard]] const std::optional<Range>& range(Family family) const { return family == Family::v4 ? v4 : v6; }
    // The bridges of a network: BRIDGE, BRIDGE-1, BRIDGE-2, ...; at most max_bridges.
    [[nodiscard]] std::string bridge_name(unsigned index) const;
};

// A bridge has 1023 ports (BR_MAX_PORTS): 24 make 24000 containers on a network, and names stay within IFNAMSIZ.
constexpr unsigned max_bridges = 24;

// One entry of the firewall's maps.
struct PortRule {
    driver::Protocol protocol = driver::Protocol::tcp;
    std::optional<Address> host;  // none: every address of the target's family
    std::uint16_t host_port = 0;
    Address target;
    std::uint16_t target_port = 0;
    bool bypass = false;  // the host's own firewall is not asked
    bool operator==(const PortRule&) const = default;
};

// What a container asks its gateway by DNS goes to another port of the gateway's.
struct ResolverRule {
    Address container, gateway;  // of one family
    std::uint16_t port = 0;
    bool operator==(const ResolverRule&) const = default;
};

struct AttachPlan {
    NetworkPlan network;
    std::string container, interface;
    std::optional<Address> v4, v6;  // static ones
    std::string mac;                // six bytes, empty: from the address
    bool default_route = true;
    std::uint64_t rate_up = 0, rate_down = 0;  // bits a second; 0: no limit
    std::uint16_t resolver_port = 0;           // 0: the usual one
};

Result<NetworkPlan> plan_network(const driver::NetworkConfig& config);
Result<AttachPlan> plan_attach(const driver::AttachRequest& request);

// The map entries of one published port for a container with these addresses; port.host_port is known.
Result<std::vector<PortRule>> port_rules(const driver::PublishedPort& port, const std::vector<Address>& addresses);

// For a container of the network with these addresses.
std::vector<ResolverRule> resolver_rules(const AttachPlan& plan, const std::vector<Address>& addresses);

const char* protocol_name(driver::Protocol protocol);

// IFNAMSIZ is 16 with the NUL; dev_valid_name() forbids "", ".", "..", '/', ':' and white space.
Result<> check_interface_name(std::string_view what, std::string_view name, std::size_t limit = 15);

}  // namespace gantry::net
