// Published ports of a container that exists.
#include "bus/objects.hpp"

#include "config/policy.hpp"
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

}  // namespace

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
