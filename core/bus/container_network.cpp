// Networks and published ports of a container that exists.
#include "bus/objects.hpp"

#include "base/text.hpp"
#include "config/policy.hpp"
#include "container/network_change.hpp"
#include "container/ports.hpp"

namespace gantry::bus {

namespace {

Result<std::vector<config::Port>> parse_ports(const Texts& texts) {
    std::vector<config::Port> ports;
    for (const std::string& text : texts) ports.push_back(TRY(config::parse_port(text)));
    return ports;
}

container::PortScope scope_of(bool runtime) {
    return runtime ? container::PortScope::runtime : container::PortScope::definition;
}

std::string protocol_of(const driver::PublishedPort& port) {
    return config::protocol_text(static_cast<std::uint8_t>(port.protocol));
}

Result<config::NetworkAttachment> attachment_from(const std::string& network, const TextMap& options) {
    config::NetworkAttachment attachment;
    attachment.name = network;
    for (const auto& [key, value] : options) {
        if (key == "ipv4")
            attachment.ipv4 = value;
        else if (key == "ipv6")
            attachment.ipv6 = value;
        else if (key == "mac")
            attachment.mac = value;
        else if (key == "interface")
            attachment.interface = value;
        else if (key == "aliases")
            for (const auto alias : split(value, ',')) attachment.aliases.emplace_back(alias);
        else if (key == "default_route")
            attachment.default_route = value == "true";
        else if (key == "rate_up")
            attachment.rate_up = TRY_CONTEXT(config::parse_rate(value), "option '{}'", key);
        else if (key == "rate_down")
            attachment.rate_down = TRY_CONTEXT(config::parse_rate(value), "option '{}'", key);
        else if (key == "service")
            attachment.service = value;
        else if (key == "service_weight")
            attachment.service_weight = TRY_CONTEXT(config::parse_service_weight(value), "option '{}'", key);
        else
            return error(Errc::invalid, "option '{}' is not known", key);
    }
    return attachment;
}

Result<container::AttachmentChange> change_from(const TextMap& options) {
    container::AttachmentChange change;
    for (const auto& [key, value] : options) {
        if (key == "default_route" && (value == "true" || value == "false"))
            change.default_route = value == "true";
        else if (key == "rate_up" || key == "rate_down")
            (key == "rate_up" ? change.rate_up : change.rate_down) =
                value == "none" ? 0 : TRY_CONTEXT(config::parse_rate(value), "option '{}'", key);
        else if (key == "service_weight")
            change.service_weight = TRY_CONTEXT(config::parse_service_weight(value), "option '{}'", key);
        else
            return error(Errc::invalid, "option '{}' is not known, or '{}' is none of its values", key, value);
    }
    return change;
}

}  // namespace

void ContainerObject::UpdateConnection(Done result, std::string network, TextMap options) {
    Permission needed = permission("network.connect");
    needed.details["network"] = network;
    answer<>(host_, getObject(), std::move(result), std::move(needed), containers_kind,
             [name = view_.name, network, options](container::Engine& engine) -> Result<Nothing> {
                 const auto change = TRY(change_from(options));
                 TRY(container::change_attachment(engine, TRY(engine.container(name.str())), network, change));
                 return Nothing{};
             });
}

void ContainerObject::ConnectWith(Done result, std::string network, TextMap options) {
    Permission needed = permission("network.connect");
    needed.details["network"] = network;
    answer<>(host_, getObject(), std::move(result), std::move(needed), containers_kind,
             [name = view_.name, network, options](container::Engine& engine) -> Result<Nothing> {
                 const auto attachment = TRY(attachment_from(network, options));
                 TRY(engine.network_connect(TRY(engine.container(name.str())), attachment));
                 return Nothing{};
             });
}

void ContainerObject::AddPorts(sdbus::Result<PublishedPorts>&& result, Texts ports, bool runtime) {
    answer<PublishedPorts>(
        host_, getObject(), std::move(result), permission("network.publish"), containers_kind,
        [name = view_.name, ports, runtime](container::Engine& engine) -> Result<std::tuple<PublishedPorts>> {
            const auto container = TRY(engine.container(name.str()));
            PublishedPorts list;
            for (const auto& port : TRY(container::add_ports(engine, container, TRY(parse_ports(ports)), scope_of(runtime))))
                list.emplace_back(protocol_of(port), port.host_address, port.host_port, port.container_port);
            return std::tuple(std::move(list));
        });
}

void ContainerObject::RemovePorts(Done result, Texts ports, bool runtime) {
    answer<>(host_, getObject(), std::move(result), permission("network.publish"), containers_kind,
             [name = view_.name, ports, runtime](container::Engine& engine) -> Result<Nothing> {
                 const auto container = TRY(engine.container(name.str()));
                 TRY(container::remove_ports(engine, container, TRY(parse_ports(ports)), scope_of(runtime)));
                 return Nothing{};
             });
}

void ContainerObject::CheckPorts(sdbus::Result<PortChecks>&& result, std::string source) {
    answer<PortChecks>(host_, getObject(), std::move(result), permission("network.inspect"), 0,
                       [name = view_.name, source](container::Engine& engine) -> Result<std::tuple<PortChecks>> {
                           const auto container = TRY(engine.container(name.str()));
                           PortChecks list;
                           for (const auto& check : TRY(container::check_ports(engine, container, source)))
                               list.emplace_back(protocol_of(check.port), check.port.host_port, check.port.container_port,
                                                 check.source, check.destination, check.interface, check.open, check.decision);
                           return std::tuple(std::move(list));
                       });
}

}  // namespace gantry::bus
