#include "container/attachments.hpp"

#include "dns/entries.hpp"

#include <charconv>

namespace gantry::container {

namespace {

Result<driver::Protocol> protocol_of(std::string_view text) {
    if (text == "tcp" || text.empty()) return driver::Protocol::tcp;
    if (text == "udp") return driver::Protocol::udp;
    if (text == "sctp") return driver::Protocol::sctp;
    return error(Errc::invalid, "'{}' is not a protocol (tcp, udp, sctp)", text);
}

// "80", "80/udp", "8000-8010/tcp"
Result<> add_exposed(const config::Engine& engine, std::string_view text, std::vector<driver::PublishedPort>& ports) {
    const auto slash = text.find('/');
    const auto protocol =
        TRY_CONTEXT(protocol_of(slash == std::string_view::npos ? "" : text.substr(slash + 1)), "port '{}'", text);
    const std::string_view range = text.substr(0, slash);
    const auto dash = range.find('-');
    const auto number = [&](std::string_view digits, std::uint16_t& value) {
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return code == std::errc() && end == digits.data() + digits.size() && value != 0;
    };
    std::uint16_t first = 0, last = 0;
    if (!number(range.substr(0, dash), first)) return error(Errc::invalid, "'{}' is not a port", text);
    last = first;
    if (dash != std::string_view::npos && (!number(range.substr(dash + 1), last) || last < first))
        return error(Errc::invalid, "'{}' is not a port", text);
    for (std::uint32_t port = first; port <= last; ++port) {
        const auto taken = [&](const driver::PublishedPort& other) {
            return other.protocol == protocol && other.container_port == port;
        };
        if (std::ranges::any_of(ports, taken)) continue;
        ports.push_back({protocol, engine.default_bind_address, 0, static_cast<std::uint16_t>(port), engine.bypass_firewall});
    }
    return {};
}

Result<> add_published(const config::Engine& engine, const config::Port& port, std::vector<driver::PublishedPort>& ports) {
    const auto protocol = TRY(protocol_of(port.protocol));
    const std::uint32_t last = std::max(port.container_port, port.container_port_end);
    const std::string& address = port.host_address.empty() ? engine.default_bind_address : port.host_address;
    for (std::uint32_t inside = port.container_port; inside <= last; ++inside) {
        const std::uint32_t outside = port.host_port == 0 ? 0 : port.host_port + (inside - port.container_port);
        if (outside > 65535) return error(Errc::invalid, "published port {} is beyond 65535", outside);
        ports.push_back({protocol, address, static_cast<std::uint16_t>(outside), static_cast<std::uint16_t>(inside),
                         port.bypass_firewall.value_or(engine.bypass_firewall)});
    }
    return {};
}

}  // namespace

std::vector<config::NetworkAttachment> effective_networks(const config::Engine& engine, const config::Definition& definition) {
    if (definition.network_mode != config::NetworkMode::networks) return {};
    if (!definition.networks.empty()) return definition.networks;
    config::NetworkAttachment attachment;
    attachment.name = engine.default_network;
    return {attachment};
}

Result<std::vector<driver::PublishedPort>> published_ports(const config::Engine& engine, const config::Definition& definition,
                                                           const std::vector<std::string>& image_ports) {
    std::vector<driver::PublishedPort> ports;
    for (const config::Port& port : definition.ports)
        if (!port.socket) TRY(add_published(engine, port, ports));
    if (!definition.publish_all) return ports;
    for (const std::string& port : definition.expose) TRY(add_exposed(engine, port, ports));
    for (const std::string& port : image_ports) TRY(add_exposed(engine, port, ports));
    return ports;
}

Result<std::vector<driver::AttachRequest>> attach_requests(const config::Paths& paths, const config::Engine& engine,
                                                           const FindNetworkDriver& find_driver, const ContainerName& name,
                                                           const std::string& id, const config::Definition& definition,
                                                           const std::vector<std::string>& image_ports) {
    std::vector<driver::AttachRequest> requests;
    const auto networks = effective_networks(engine, definition);
    const bool chosen = std::ranges::any_of(networks, &config::NetworkAttachment::default_route);
    bool has_way_out = false;
    for (const auto& attachment : networks) {
        auto network = read_network(paths, attachment.name);
        if (!network.ok() && network.error().code() == Errc::not_found &&
            (attachment.name == engine.default_network || attachment.name == "bridge")) {
            driver::NetworkDriver* bridge = TRY(find_driver("bridge"));
            network = find_network(paths, engine, attachment.name, *bridge);
        }
        for (const std::string& alias : attachment.aliases)
            if (!dns::is_host_name(alias))
                return error(Errc::invalid, "alias '{}' on network '{}' is no host name", alias, attachment.name);
        if (!attachment.service.empty() && !dns::is_host_name(attachment.service))
            return error(Errc::invalid, "service '{}' on network '{}' is no host name", attachment.service, attachment.name);
        if (attachment.service == name.str())
            return error(Errc::invalid, "service '{}' on network '{}' has the container's own name, which leads past it",
                         attachment.service, attachment.name);
        driver::AttachRequest request;
        request.network = TRY(std::move(network)).config;
        request.container = name.str();
        request.container_id = id;
        request.interface = attachment.interface.empty() ? fmt::format("eth{}", requests.size()) : attachment.interface;
        request.ipv4 = attachment.ipv4;
        request.ipv6 = attachment.ipv6;
        request.mac = attachment.mac;
        request.rate_up = attachment.rate_up;
        request.rate_down = attachment.rate_down;
        for (const auto& [key, value] : attachment.options) request.options.emplace_back(key, value);
        if (attachment.default_route && request.network.internal)
            return error(Errc::invalid, "network '{}' is internal: it has no way out and cannot have the default route",
                         attachment.name);
        request.default_route = chosen ? attachment.default_route : !request.network.internal && !has_way_out;
        if (request.default_route) request.ports = TRY(published_ports(engine, definition, image_ports));
        has_way_out = has_way_out || request.default_route;
        for (const auto& other : requests) {
            if (other.network.name == request.network.name)
                return error(Errc::invalid, "network '{}' is named twice", attachment.name);
            if (other.interface == request.interface)
                return error(Errc::invalid, "networks '{}' and '{}' both want the interface name '{}'", other.network.name,
                             request.network.name, request.interface);
        }
        requests.push_back(std::move(request));
    }
    return requests;
}

}  // namespace gantry::container
