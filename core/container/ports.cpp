#include "container/ports.hpp"

#include "container/attachments.hpp"
#include "container/engine_impl.hpp"
#include "os/file.hpp"

namespace gantry::container {

namespace {

// A range that is one port says so in both its ends (config::Port), or has none of the host.
std::uint32_t count_of(const config::Port& port) {
    return std::max(port.container_port_end, port.container_port) - std::uint32_t{port.container_port} + 1;
}

// The ports of a range from the first to before the last, as a range of their own.
config::Port part_of(const config::Port& port, std::uint32_t first, std::uint32_t last) {
    const auto at = [](std::uint16_t base, std::uint32_t offset) { return static_cast<std::uint16_t>(base + offset); };
    config::Port part = port;
    part.container_port = at(port.container_port, first);
    part.container_port_end = at(port.container_port, last - 1);
    if (port.host_port != 0) {
        part.host_port = at(port.host_port, first);
        part.host_port_end = at(port.host_port, last - 1);
    }
    return part;
}

bool within(std::uint32_t value, std::uint16_t first, std::uint16_t last) {
    return value >= first && value <= std::max(first, last);
}

// Whether the wanted one names a port with these numbers. host_port 0: not known.
bool names(const config::Port& wanted, const std::string& protocol, const std::string& address, std::uint32_t host_port,
           std::uint32_t container_port) {
    if (wanted.protocol != protocol || !within(container_port, wanted.container_port, wanted.container_port_end)) return false;
    if (!wanted.host_address.empty() && wanted.host_address != address) return false;
    if (wanted.host_port == 0) return true;
    return host_port == wanted.host_port + (container_port - wanted.container_port);
}

bool names(const config::Port& wanted, const driver::PublishedPort& port) {
    return names(wanted, config::protocol_text(static_cast<std::uint8_t>(port.protocol)), port.host_address, port.host_port,
                 port.container_port);
}

// Whether one of the sockets among them is named.
bool names_socket(const std::vector<config::Port>& ports, const config::Port& wanted) {
    std::vector<config::Port> sockets;
    std::ranges::copy_if(ports, std::back_inserter(sockets), &config::Port::socket);
    return without_port(sockets, wanted).has_value();
}

// The attachment that has the container's published ports: of its first network with a way out.
Result<driver::AttachRequest> publishing(Engine& engine, const Container& container, const config::Definition& definition) {
    const auto find_driver = [&](const std::string& name) { return engine.network_driver(name); };
    auto requests =
        TRY(attach_requests(engine.paths(), engine.config(), find_driver, container.name, container.id, definition, {}));
    for (auto& request : requests)
        if (request.default_route) return std::move(request);
    return error(Errc::invalid, "it is on no network with a way out, so no port can be published");
}

Record::Network* attached(Record& record, const std::string& network) {
    for (auto& entry : record.networks)
        if (entry.config.name == network) return &entry;
    return nullptr;
}

// systemd opens sockets before the container starts, and a change reaches them with their unit's next start.
Result<> check_sockets_closed(Engine& engine, const Container& container, const config::Port& port) {
    const bool listening =
        has_sockets(container.definition) && TRY(TRY(engine.systemd())->state(socket_name(container.name))).active == "active";
    if (!container.record && !listening) return {};
    return error(Errc::in_use, "port '{}' is a socket, which systemd opens before the start: stop the container first",
                 config::port_text(port));
}

bool all_sockets(const std::vector<config::Port>& ports) { return std::ranges::all_of(ports, &config::Port::socket); }

// only_sockets: what is to change needs no network.
Result<> check_changeable(Engine& engine, const Container& container, PortScope scope, bool only_sockets) {
    if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
    if (only_sockets && scope == PortScope::runtime)
        return error(Errc::invalid, "a socket is its definition's: it cannot be changed for the running container alone");
    if (!only_sockets && container.definition.network_mode != config::NetworkMode::networks)
        return error(Errc::invalid, "it shares another network namespace or has none, so it has no published ports");
    if (scope == PortScope::definition && !is_engine_file(engine.paths(), container.definition_file))
        return error(Errc::denied, "it is defined by '{}': edit that file, or change the running container alone",
                     container.definition_file);
    if (scope == PortScope::runtime && !container.record) return error(Errc::invalid, "it does not run");
    return {};
}

Result<> write_changed(Engine& engine, const Container& container, const config::Definition& changed) {
    TRY(os::write_file_atomic(container.definition_file, TRY(config::checked_definition(changed, container.name.str())), 0600));
    const bool differs = TRY(install_units(engine.paths(), container.name, changed, container.definition_file));
    TRY(date_definition(container.name, container.definition_file));
    // A unit in memory waits for the network or does not (write_unit_section()): with its first port, or without its last.
    const bool known = container.record || has_sockets(container.definition);
    return differs && known ? TRY(engine.systemd())->daemon_reload() : Result<>();
}

}  // namespace

std::optional<std::vector<config::Port>> without_port(const std::vector<config::Port>& ports, const config::Port& wanted) {
    std::vector<config::Port> rest;
    bool any = false;
    for (const config::Port& port : ports) {
        std::uint32_t kept = 0;
        const std::uint32_t count = count_of(port);
        for (std::uint32_t at = 0; at < count; ++at) {
            const std::uint32_t outside = port.host_port == 0 ? 0 : port.host_port + at;
            if (!names(wanted, port.protocol, port.host_address, outside, port.container_port + at)) continue;
            any = true;
            if (kept < at) rest.push_back(part_of(port, kept, at));
            kept = at + 1;
        }
        if (kept < count) rest.push_back(part_of(port, kept, count));
    }
    return any ? std::optional(std::move(rest)) : std::nullopt;
}

Result<std::vector<driver::PublishedPort>> add_ports(Engine& engine, const Container& caller,
                                                     const std::vector<config::Port>& ports, PortScope scope) {
    using Published = std::vector<driver::PublishedPort>;
    const auto all = [&]() -> Result<Published> {
        const os::Fd lock = TRY(lock_container(engine.paths(), caller.name.str()));
        const Container container = TRY(engine.find_container(caller.name.str()));  // as it is now that no other changes it
        TRY(check_changeable(engine, container, scope, all_sockets(ports)));
        for (const config::Port& port : ports)
            if (port.socket) TRY(check_sockets_closed(engine, container, port));
        config::Definition changed = container.definition;
        changed.ports.insert(changed.ports.end(), ports.begin(), ports.end());
        TRY(config::checked_definition(changed, container.name.str()));
        if (all_sockets(ports)) {
            TRY(write_changed(engine, container, changed));
            return Published{};
        }
        config::Definition added = container.definition;
        added.ports = ports;
        added.publish_all = false;
        const driver::AttachRequest request = TRY(publishing(engine, container, added));
        driver::NetworkDriver* driver = TRY(engine.network_driver(request.network.driver));
        TRY(driver->validate(request));
        if (!container.record) {
            TRY(write_changed(engine, container, changed));
            return Published{};
        }
        Record record = *container.record;
        Record::Network* network = attached(record, request.network.name);
        if (!network) return error(Errc::not_found, "it is not attached to network '{}'", request.network.name);
        const Published published = TRY(driver->publish(request));
        network->status.ports.insert(network->status.ports.end(), published.begin(), published.end());
        auto written = write_record(engine.paths(), record);
        if (written.ok() && scope == PortScope::definition) written = write_changed(engine, container, changed);
        if (written.ok()) return published;
        // The error is the answer; what cannot be undone goes with the container's other ports.
        [[maybe_unused]] const auto undone = driver->unpublish(request.container, request.network, published);
        [[maybe_unused]] const auto restored = write_record(engine.paths(), *container.record);
        return std::move(written).error();
    };
    return all().context(fmt::format("publish ports of container '{}'", caller.name.str()));
}

Result<> remove_ports(Engine& engine, const Container& caller, const std::vector<config::Port>& ports, PortScope scope) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_container(engine.paths(), caller.name.str()));
        const Container container = TRY(engine.find_container(caller.name.str()));  // as it is now that no other changes it
        const auto named_socket = [&](const config::Port& port) { return names_socket(container.definition.ports, port); };
        TRY(check_changeable(engine, container, scope, std::ranges::all_of(ports, named_socket)));
        for (const config::Port& port : ports)
            if (named_socket(port)) TRY(check_sockets_closed(engine, container, port));
        config::Definition changed = container.definition;
        Record record = container.record.value_or(Record{});
        std::vector<std::pair<Record::Network*, std::vector<driver::PublishedPort>>> gone;
        for (auto& network : record.networks) gone.emplace_back(&network, std::vector<driver::PublishedPort>{});
        for (const config::Port& port : ports) {
            auto rest = without_port(changed.ports, port);
            bool runs = false;
            for (auto& [network, list] : gone) {
                auto& published = network->status.ports;
                const auto moved = std::stable_partition(published.begin(), published.end(),
                                                         [&](const auto& each) { return !names(port, each); });
                runs = runs || moved != published.end();
                list.insert(list.end(), moved, published.end());
                published.erase(moved, published.end());
            }
            if (!rest && !runs) return error(Errc::not_found, "port '{}' is not published", config::port_text(port));
            if (!rest && scope == PortScope::definition)
                return error(Errc::invalid, "port '{}' is not in its definition: take it back from the running container alone",
                             config::port_text(port));
            if (rest) changed.ports = std::move(*rest);
        }
        for (const auto& [network, list] : gone) {
            if (list.empty()) continue;
            driver::NetworkDriver* driver = TRY(engine.network_driver(network->config.driver));
            TRY(driver->unpublish(container.name.str(), network->config, list));
        }
        if (container.record) TRY(write_record(engine.paths(), record));
        return scope == PortScope::definition ? write_changed(engine, container, changed) : Result<>();
    };
    return all().context(fmt::format("take back ports of container '{}'", caller.name.str()));
}

Result<std::vector<driver::PortCheck>> check_ports(Engine& engine, const Container& container, const std::string& source) {
    const auto all = [&]() -> Result<std::vector<driver::PortCheck>> {
        if (!container.definition.ports.empty() && all_sockets(container.definition.ports))
            return error(Errc::unsupported,
                         "its ports are sockets of {}: they are the host's own, and no packet is sent to them",
                         socket_name(container.name));
        if (!container.record) return error(Errc::invalid, "it does not run");
        std::vector<driver::PortCheck> checks;
        for (const auto& network : container.record->networks) {
            if (network.status.ports.empty()) continue;
            driver::NetworkDriver* driver = TRY(engine.network_driver(network.config.driver));
            for (auto& check : TRY(driver->check_ports(container.name.str(), network.config, source)))
                checks.push_back(std::move(check));
        }
        return checks;
    };
    return all().context(fmt::format("check ports of container '{}'", container.name.str()));
}

}  // namespace gantry::container
