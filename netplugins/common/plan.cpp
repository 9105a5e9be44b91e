#include "plan.hpp"

#include "base/hash.hpp"
#include "base/names.hpp"

#include <algorithm>

namespace gantry::net {

using driver::AttachRequest;
using driver::NetworkConfig;
using driver::Protocol;
using driver::PublishedPort;

namespace {

// The smallest MTU that IPv6 works with (RFC 8200 section 5), and the largest of a veth (ETH_MAX_MTU).
constexpr std::uint32_t min_mtu = 68, min_mtu_v6 = 1280, max_mtu = 65535;

Result<bool> parse_switch(const std::string& key, const std::string& value) {
    if (value == "true" || value == "1") return true;
    if (value == "false" || value == "0") return false;
    return error(Errc::invalid, "option '{}': '{}' is neither true nor false", key, value);
}

Result<Range> plan_range(const driver::Subnet& subnet) {
    const Cidr cidr = TRY(Cidr::parse(subnet.cidr));
    // Two hosts and the two addresses that v4 reserves: nothing smaller is of use with a gateway.
    if (cidr.prefix > address_bits(cidr.network.family) - 2)
        return error(Errc::invalid, "subnet '{}' is too small", subnet.cidr);
    if (cidr.prefix == 0) return error(Errc::invalid, "subnet '{}' is the whole internet", subnet.cidr);
    Range range{cidr, cidr.network, cidr};
    range.gateway.value += 1;
    if (!subnet.gateway.empty()) range.gateway = TRY_CONTEXT(Address::parse(subnet.gateway), "gateway");
    if (!cidr.contains(range.gateway) || range.gateway == cidr.first() ||
        (cidr.network.family == Family::v4 && range.gateway == cidr.last()))
        return error(Errc::invalid, "gateway '{}' is no host address of subnet '{}'", range.gateway.str(), subnet.cidr);
    if (!subnet.ip_range.empty()) range.pool = TRY_CONTEXT(Cidr::parse(subnet.ip_range), "ip range");
    if (!cidr.contains(range.pool))
        return error(Errc::invalid, "ip range '{}' is not inside subnet '{}'", subnet.ip_range, subnet.cidr);
    return range;
}

Result<> take_option(NetworkPlan& plan, const std::string& key, const std::string& value) {
    // Docker's names of the same things are understood too.
    if (key == "bridge" || key == "com.docker.network.bridge.name") {
        TRY(check_interface_name("bridge", value, 12));  // "-23" must fit behind it
        plan.bridge = value;
    } else if (key == "masquerade" || key == "com.docker.network.bridge.enable_ip_masquerade") {
        plan.masquerade = TRY(parse_switch(key, value));
    } else if (key == "access") {
        if (value != "published" && value != "all")
            return error(Errc::invalid, "option 'access': '{}' is neither published nor all", value);
        plan.open = value == "all";
    } else if (key == "guard") {
        plan.guard = TRY(parse_switch(key, value));
    } else if (key != "pool") {
        return error(Errc::invalid, "option '{}' is not known to driver '{}' (bridge, masquerade, access, guard, pool)", key,
                     plan.driver);
    }
    return {};
}

Result<NetworkPlan> plan_checked(const NetworkConfig& config) {
    NetworkPlan plan;
    plan.name = config.name;
    plan.driver = config.driver;
    // The default network gets the name that people will look for; others cannot, names are longer than IFNAMSIZ allows.
    plan.bridge = config.name == "bridge" ? "gantry0" : fmt::format("gtr-{:08x}", fnv1a(config.name) & 0xffffffffU);
    plan.internal = config.internal;
    plan.isolated = config.isolated;
    plan.mtu = config.mtu;
    for (const auto& subnet : config.subnets) {
        Range range = TRY(plan_range(subnet));
        auto& place = range.cidr.network.family == Family::v4 ? plan.v4 : plan.v6;
        if (place) return error(Errc::invalid, "subnet '{}': there is another of its family", subnet.cidr);
        place = range;
    }
    for (const auto& [key, value] : config.options) TRY(take_option(plan, key, value));
    if (plan.mtu != 0 && (plan.mtu < (plan.v6 ? min_mtu_v6 : min_mtu) || plan.mtu > max_mtu))
        return error(Errc::invalid, "mtu {} is not between {} and {}", plan.mtu, plan.v6 ? min_mtu_v6 : min_mtu, max_mtu);
    return plan;
}

Result<std::optional<Address>> plan_static(const NetworkPlan& network, Family family, const std::string& text) {
    std::optional<Address> none;
    if (text.empty()) return none;
    const Address address = TRY(Address::parse(text));
    const char* kind = family == Family::v4 ? "IPv4" : "IPv6";
    if (address.family != family) return error(Errc::invalid, "'{}' is not an {} address", text, kind);
    const auto& range = network.range(family);
    if (!range) return error(Errc::invalid, "address '{}': the network has no {} subnet", text, kind);
    if (!range->cidr.contains(address))
        return error(Errc::invalid, "address '{}' is not in subnet '{}'", text, range->cidr.str());
    if (address == range->gateway) return error(Errc::invalid, "address '{}' is the gateway", text);
    if (!range->usable(address))
        return error(Errc::invalid, "address '{}' is reserved in subnet '{}'", text, range->cidr.str());
    return std::optional<Address>(address);
}

Result<> check_ports(const AttachRequest& request, const NetworkPlan& network) {
    if (!request.ports.empty() && network.internal)
        return error(Errc::invalid, "no port can be published on an internal network");
    std::vector<PublishedPort> seen;
    for (const auto& port : request.ports) {
        const char* protocol = protocol_name(port.protocol);
        if (!protocol)
            return error(Errc::invalid, "published port {}: protocol {} is not known", port.host_port,
                         static_cast<int>(port.protocol));
        if (port.container_port == 0)
            return error(Errc::invalid, "published port {}/{}: the container's port is missing", port.host_port, protocol);
        if (!port.host_address.empty()) {
            const Address host =
                TRY_CONTEXT(Address::parse(port.host_address), "published port {}/{}", port.host_port, protocol);
            const bool any = host.value == 0;
            if (!network.range(host.family))
                return error(Errc::invalid, "published port {}/{}: host address '{}', but the network has no {} subnet",
                             port.host_port, protocol, port.host_address, host.family == Family::v4 ? "IPv4" : "IPv6");
            if (host.family == Family::v6 && host.value == 1)
                return error(Errc::unsupported, "published port {}/{}: the kernel cannot translate '::1', use '127.0.0.1'",
                             port.host_port, protocol);
            if (!any && host.family == Family::v6 && (host.value >> 118) == 0x3fa)
                return error(Errc::unsupported, "published port {}/{}: host address '{}' is link-local", port.host_port,
                             protocol, port.host_address);
        }
        const auto same = [&](const PublishedPort& other) {
            return port.host_port != 0 && other.host_port == port.host_port && other.protocol == port.protocol &&
                   other.host_address == port.host_address;
        };
        if (std::ranges::any_of(seen, same))
            return error(Errc::invalid, "port {}/{} is published twice", port.host_port, protocol);
        seen.push_back(port);
    }
    return {};
}

}  // namespace

bool Range::usable(const Address& address) const {
    if (!cidr.contains(address) || address == gateway || address == cidr.first()) return false;
    return cidr.network.family == Family::v6 || address != cidr.last();
}

std::string NetworkPlan::bridge_name(unsigned index) const { return index == 0 ? bridge : fmt::format("{}-{}", bridge, index); }

Result<NetworkPlan> plan_network(const NetworkConfig& config) {
    TRY(ObjectName::parse("network", config.name));
    return plan_checked(config);
}

Result<AttachPlan> plan_attach(const AttachRequest& request) {
    TRY(ContainerName::parse(request.container));
    AttachPlan plan;
    plan.network = TRY(plan_network(request.network));
    if (!plan.network.v4 && !plan.network.v6)
        return error(Errc::invalid, "the network has no subnet: it was not made by network_create");
    plan.container = request.container;
    plan.interface = request.interface;
    plan.default_route = request.default_route && !plan.network.internal;
    TRY(check_interface_name("interface", plan.interface));
    plan.rate_up = request.rate_up;
    plan.rate_down = request.rate_down;
    plan.resolver_port = request.resolver_port;
    plan.v4 = TRY(plan_static(plan.network, Family::v4, request.ipv4));
    plan.v6 = TRY(plan_static(plan.network, Family::v6, request.ipv6));
    if (!request.mac.empty()) plan.mac = TRY(parse_mac(request.mac));
    if (!request.options.empty())
        return error(Errc::invalid, "option '{}' is not known to driver '{}': it has none for a container",
                     request.options.front().first, plan.network.driver);
    TRY(check_ports(request, plan.network));
    return plan;
}

Result<std::vector<PortRule>> port_rules(const PublishedPort& port, const std::vector<Address>& addresses) {
    std::vector<PortRule> rules;
    std::optional<Address> host;
    if (!port.host_address.empty()) host = TRY(Address::parse(port.host_address));
    for (const auto& address : addresses) {
        if (host && host->family != address.family) continue;
        PortRule rule{port.protocol, host, port.host_port, address, port.container_port, port.bypass_firewall};
        if (host && host->value == 0) rule.host.reset();  // 0.0.0.0 and :: are every address of one family
        rules.push_back(rule);
    }
    return rules;
}

std::vector<ResolverRule> resolver_rules(const AttachPlan& plan, const std::vector<Address>& addresses) {
    std::vector<ResolverRule> rules;
    if (plan.resolver_port == 0) return rules;
    for (const auto& address : addresses)
        if (const auto& range = plan.network.range(address.family))
            rules.push_back({address, range->gateway, plan.resolver_port});
    return rules;
}

const char* protocol_name(Protocol protocol) {
    switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::sctp: return "sctp";
    }
    return nullptr;
}

Result<> check_interface_name(std::string_view what, std::string_view name, std::size_t limit) {
    const auto bad = [](char byte) { return byte <= ' ' || byte == '/' || byte == ':' || byte == '%' || byte > '~'; };
    if (name.empty() || name.size() > limit || name == "." || name == ".." || std::ranges::any_of(name, bad))
        return error(Errc::invalid, "{} name '{}' is not 1 to {} printable characters without '/', ':' and '%'", what, name,
                     limit);
    return {};
}

}  // namespace gantry::net
