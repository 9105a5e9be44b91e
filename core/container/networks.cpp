#include "container/names.hpp"
#include "container/network_impl.hpp"
#include "container/policy.hpp"
#include "container/services.hpp"
#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::container {

using namespace detail;

namespace {

NetworkInfo predefined(const char* name, const char* driver) {
    NetworkInfo network;
    network.config.name = name;
    network.config.driver = driver;
    network.id = derived_container_id("network", ContainerName::parse(name).value());
    network.predefined = true;
    return network;
}

// The containers that are attached to it now.
Result<std::vector<std::string>> attached(const config::Paths& paths, std::string_view network) {
    std::vector<std::string> names;
    for (const std::string& name : TRY(list_records(paths)))
        if (auto record = read_record(paths, name); record.ok())
            for (const auto& entry : record->networks)
                if (entry.config.name == network) names.push_back(name);
    return names;
}

// Its resolv.conf once more, in place, for the networks that it has now. Resolvers of its own, or the host's, stay.
Result<> lead_to_resolver(Engine& engine, const config::Definition& changed, const Record& record) {
    const Resolver resolver = resolver_of(engine.paths(), record.name, record.networks);
    if (!resolver.ours) return {};
    const std::string file = engine.paths().record(record.name) + "/resolv.conf";
    const os::Fd fd = TRY(os::open(file, O_WRONLY | O_TRUNC | O_NOFOLLOW));
    return os::write_all(fd.get(), resolv_conf(host_resolv_conf(), changed, true, resolver), file);
}

// Its own policy, and those of others that name it.
Result<> renew_policies(Engine& engine, const Record& record) {
    TRY(refresh_policy(engine.paths(), record.name));
    return refresh_policies(engine.paths(), record);
}

// Where the definition leaves it open, a running container's interfaces are not counted as at its start: some may have gone.
std::string free_interface(const Record& record) {
    for (unsigned number = 0;; ++number) {
        std::string name = fmt::format("eth{}", number);
        const auto taken = [&](const Record::Network& entry) { return entry.status.interface == name; };
        if (std::ranges::none_of(record.networks, taken)) return name;
    }
}

std::string own_name(const config::Definition& definition, const std::string& network) {
    for (const auto& attachment : definition.networks)
        if (attachment.name == network) return attachment.interface;
    return "";
}

// The record with one of its networks.
Record only(const Record& record, const std::string& network) {
    Record out = record;
    std::erase_if(out.networks, [&](const Record::Network& entry) { return entry.config.name != network; });
    return out;
}

Result<> attach_live(Engine& engine, const Container& container, const config::Definition& changed,
                     const std::string& network) {
    const auto find_driver = [&](const std::string& driver) { return engine.network_driver(driver); };
    for (auto& request :
         TRY(attach_requests(engine.paths(), engine.config(), find_driver, container.name, container.id, changed, {}))) {
        if (request.network.name != network) continue;
        // Another network may have the default route and the published ports: both are moved when this one is there.
        const bool first = container.record->networks.empty();
        if (!first) request.ports.clear();
        request.default_route = request.default_route && first;
        if (own_name(changed, network).empty()) request.interface = free_interface(*container.record);
        driver::NetworkDriver* driver = TRY(engine.network_driver(request.network.driver));
        TRY(driver->validate(request));
        request.resolver_port = TRY(resolver_port(engine.paths(), changed, request.network, *driver));
        const os::Fd netns = TRY(open_netns(engine, container));
        Record record = *container.record;
        const std::string service = attachment_of(changed, network)->service;
        record.netns = TRY(netns_number(netns.get()));
        record.networks.push_back({request.network, {}, service, {}});
        TRY(write_record(engine.paths(), record));
        const auto attach = [&]() -> Result<> {
            Record::Network& entry = record.networks.back();
            if (!service.empty()) entry.service_addresses = TRY(driver->reserve(service_owner(service), request.network));
            entry.status = TRY(driver->prepare(request, netns.get()));
            TRY(write_record(engine.paths(), record));
            return first ? Result<>() : settle_networks(engine, container, record, container.definition, changed);
        };
        if (auto attached = attach(); !attached.ok()) {
            [[maybe_unused]] const auto detached = driver->teardown(record.name, request.network, false);
            [[maybe_unused]] const auto restored = write_record(engine.paths(), *container.record);
            return attached;
        }
        TRY(show_services(engine.paths(), record));
        TRY(publish_names(engine.paths(), container.name, container.id, changed, record.networks.back(),
                          request.resolver_port));
        TRY(lead_to_resolver(engine, changed, record));
        TRY(renew_policies(engine, record));
        // What it is ready for it is as a whole: by its health, where that is asked.
        const bool waits = !container.health.empty() && container.health != "healthy";
        return join_services(engine.paths(), only(record, network), changed, waits);
    }
    return error(Errc::internal, "network '{}' is not in the changed definition", network);
}

// The container's namespace lives on: its interface goes, and what is published through it.
Result<> detach_live(Engine& engine, const Container& container, const config::Definition& changed,
                     const std::string& network) {
    Record record = *container.record;
    TRY(leave_services(engine.paths(), only(record, network)));
    TRY(dns::withdraw(engine.paths(), network, container.name.str()));
    for (const auto& entry : record.networks)
        if (entry.config.name == network)
            TRY(TRY(engine.network_driver(entry.config.driver))->teardown(container.name.str(), entry.config, true));
    std::erase_if(record.networks, [&](const Record::Network& entry) { return entry.config.name == network; });
    TRY(write_record(engine.paths(), record));
    // The way out may lead over another network now.
    if (!record.networks.empty()) TRY(settle_networks(engine, container, record, container.definition, changed));
    TRY(lead_to_resolver(engine, changed, record));
    // While the address is still the container's: the lease is given up last.
    return renew_policies(engine, record);
}

}  // namespace

Result<std::vector<NetworkInfo>> Engine::networks() {
    std::vector<NetworkInfo> networks = TRY(read_networks(paths()));
    const auto has = [&](std::string_view name) {
        return std::ranges::any_of(networks, [&](const NetworkInfo& network) { return network.config.name == name; });
    };
    // Docker shows its three even before anything uses them.
    if (!has("bridge")) networks.push_back(predefined("bridge", "bridge"));
    networks.push_back(predefined("host", "host"));
    networks.push_back(predefined("none", "null"));
    std::ranges::sort(networks, {}, [](const NetworkInfo& network) { return network.config.name; });
    return networks;
}

Result<NetworkInfo> Engine::network(std::string_view name) {
    if (name == "host") return predefined("host", "host");
    if (name == "none") return predefined("none", "null");
    if (ObjectName::parse("network", name).ok()) {
        auto found = read_network(paths(), name);
        if (found.ok() || found.error().code() != Errc::not_found) return found;
        if (name == "bridge" || name == config().default_network)
            return find_network(paths(), config(), name, *TRY(network_driver("bridge")));
    }
    std::vector<NetworkInfo> matches;
    if (!name.empty())
        for (auto& network : TRY(networks()))
            if (network.id.starts_with(name)) matches.push_back(std::move(network));
    if (matches.size() > 1)
        return error(Errc::invalid, "network '{}': {} networks have an id that starts so", name, matches.size());
    if (matches.empty()) return error(Errc::not_found, "network '{}' not found", name);
    return std::move(matches.front());
}

Result<NetworkInfo> Engine::network_create(driver::NetworkConfig config, std::map<std::string, std::string> labels) {
    if (is_predefined_network(config.name)) return error(Errc::exists, "network '{}' is predefined", config.name);
    if (config.driver.empty()) config.driver = "bridge";
    driver::NetworkDriver* driver = TRY_CONTEXT(network_driver(config.driver), "network '{}'", config.name);
    NetworkInfo wanted;
    wanted.config = std::move(config);
    wanted.labels = std::move(labels);
    const NetworkInfo made = TRY(make_network(paths(), this->config(), *driver, std::move(wanted)));
    // Its addresses are not the world's any more.
    TRY(refresh_policies(paths()));
    return made;
}

Result<> Engine::network_remove(std::string_view name) {
    const NetworkInfo found = TRY(network(name));
    if (found.predefined) return error(Errc::denied, "network '{}' is predefined and cannot be removed", found.config.name);
    if (const auto users = TRY(attached(paths(), found.config.name)); !users.empty())
        return error(Errc::in_use, "network '{}' is used by container '{}'", found.config.name, users.front());
    driver::NetworkDriver* driver = TRY(network_driver(found.config.driver));
    TRY_CONTEXT(driver->network_remove(found.config), "remove network '{}'", found.config.name);
    dns::forget_network(paths(), found.config.name);
    TRY(erase_network(paths(), found.config.name));
    return refresh_policies(paths());
}

Result<> Engine::network_reload(std::string_view name) {
    const NetworkInfo found = TRY(network(name));
    if (found.config.driver == "host" || found.config.driver == "null") return {};
    driver::NetworkDriver* driver = TRY(network_driver(found.config.driver));
    TRY_CONTEXT(driver->network_reload(found.config), "reload network '{}'", found.config.name);
    return renew_services(paths(), found.config.name);
}

Result<> Engine::network_connect(const Container& caller, const config::NetworkAttachment& attachment) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_container(paths(), caller.name.str()));
        const Container container = TRY(find_container(caller.name.str()));  // as it is now that no other changes it
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        if (container.definition.network_mode != config::NetworkMode::networks)
            return error(Errc::invalid, "it shares another network namespace or has none, so it cannot be connected");
        config::Definition changed = container.definition;
        changed.networks = effective_networks(config(), changed);
        config::NetworkAttachment wanted = attachment;
        wanted.name = TRY(network(attachment.name)).config.name;
        if (wanted.name == "host" || wanted.name == "none")
            return error(Errc::invalid, "'{}' is a mode, not a network to connect to", wanted.name);
        for (const auto& other : changed.networks)
            if (other.name == wanted.name) return error(Errc::exists, "it is connected already");
        if (wanted.default_route)
            for (auto& other : changed.networks) other.default_route = false;
        changed.networks.push_back(wanted);
        TRY(config::checked_definition(changed, caller.name.str()));
        if (!is_engine_file(paths(), container.definition_file))
            return error(Errc::denied, "it is defined by '{}': edit that file", container.definition_file);
        if (container.record) TRY(attach_live(*this, container, changed, wanted.name));
        return write_changed(*this, container, changed);
    };
    return all().context(fmt::format("connect container '{}' to network '{}'", caller.name.str(), attachment.name));
}

Result<> Engine::network_disconnect(const Container& caller, std::string_view network_name) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_container(paths(), caller.name.str()));
        const Container container = TRY(find_container(caller.name.str()));  // as it is now that no other changes it
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        config::Definition changed = container.definition;
        changed.networks = effective_networks(config(), changed);
        const std::string name = TRY(network(network_name)).config.name;
        const auto taken = std::erase_if(changed.networks, [&](const auto& attachment) { return attachment.name == name; });
        if (taken == 0) return error(Errc::not_found, "it is not connected");
        if (changed.networks.empty()) changed.network_mode = config::NetworkMode::none;
        TRY(config::checked_definition(changed, caller.name.str()));
        if (!is_engine_file(paths(), container.definition_file))
            return error(Errc::denied, "it is defined by '{}': edit that file", container.definition_file);
        if (container.record) TRY(detach_live(*this, container, changed, name));
        TRY(write_changed(*this, container, changed));
        const auto found = read_network(paths(), name);
        if (!found.ok()) return {};
        driver::NetworkDriver* driver = TRY(network_driver(found->config.driver));
        TRY(driver->teardown(container.name.str(), found->config, false));
        const auto* attachment = attachment_of(container.definition, name);
        if (attachment == nullptr || attachment->service.empty()) return {};
        return free_service(paths(), *driver, found->config, attachment->service, container.name.str());
    };
    return all().context(fmt::format("disconnect container '{}' from network '{}'", caller.name.str(), network_name));
}

}  // namespace gantry::container
