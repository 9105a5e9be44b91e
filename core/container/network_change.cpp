#include "container/network_change.hpp"

#include "container/network_impl.hpp"
#include "container/services.hpp"
#include "os/file.hpp"

#include <fcntl.h>

#include <algorithm>

namespace gantry::container {

namespace detail {

namespace {

using driver::AttachRequest;

Result<std::vector<AttachRequest>> requests_of(Engine& engine, const Container& container, const Record& record,
                                               const config::Definition& definition) {
    const auto find = [&](const std::string& name) { return engine.network_driver(name); };
    auto requests = TRY(attach_requests(engine.paths(), engine.config(), find, container.name, container.id, definition, {}));
    // As they are, where the definition leaves it open.
    std::erase_if(requests, [&](AttachRequest& request) {
        const auto entry = std::ranges::find(record.networks, request.network.name,
                                             [](const Record::Network& network) { return network.config.name; });
        if (entry == record.networks.end()) return true;
        request.interface = entry->status.interface;
        request.ports = entry->status.ports;
        return false;
    });
    // Who gets the default route before who loses it: there is always one.
    std::ranges::stable_partition(requests, [](const AttachRequest& request) { return request.default_route; });
    return requests;
}

bool same(const AttachRequest& one, const AttachRequest& other) {
    return one.default_route == other.default_route && one.rate_up == other.rate_up && one.rate_down == other.rate_down;
}

const AttachRequest* find(const std::vector<AttachRequest>& requests, const std::string& network) {
    const auto found = std::ranges::find(requests, network, [](const AttachRequest& request) { return request.network.name; });
    return found == requests.end() ? nullptr : &*found;
}

// Those of `to` that are otherwise in `from`. One that is not in it has just been attached, with all but the default route.
Result<> apply(Engine& engine, const std::vector<AttachRequest>& from, const std::vector<AttachRequest>& to, int netns) {
    for (const AttachRequest& request : to) {
        const AttachRequest* before = find(from, request.network.name);
        if (before == nullptr ? !request.default_route : same(*before, request)) continue;
        TRY_CONTEXT(TRY(engine.network_driver(request.network.driver))->change(request, netns), "network '{}'",
                    request.network.name);
    }
    return {};
}

Result<std::vector<driver::PublishedPort>> publish(Engine& engine, AttachRequest request,
                                                   const std::vector<driver::PublishedPort>& ports) {
    request.ports = ports;
    return TRY(engine.network_driver(request.network.driver))->publish(request);
}

// Published ports to the network with the default route; both networks' entries of the record then say so.
Result<> move_ports(Engine& engine, Record& record, const std::vector<AttachRequest>& to) {
    const auto home = std::ranges::find_if(to, [](const AttachRequest& request) { return request.default_route; });
    if (home == to.end()) return {};
    for (Record::Network& entry : record.networks) {
        if (entry.config.name == home->network.name || entry.status.ports.empty()) continue;
        driver::NetworkDriver* driver = TRY(engine.network_driver(entry.config.driver));
        const auto ports = entry.status.ports;
        TRY_CONTEXT(driver->unpublish(record.name, entry.config, ports), "network '{}'", entry.config.name);
        auto moved = publish(engine, *home, ports);
        if (!moved.ok()) {
            if (const AttachRequest* back = find(to, entry.config.name); back != nullptr) [[maybe_unused]]
                const auto undone = publish(engine, *back, ports);
            return std::move(moved).error().context(fmt::format("network '{}'", home->network.name));
        }
        entry.status.ports.clear();
        for (Record::Network& other : record.networks)
            if (other.config.name == home->network.name)
                other.status.ports.insert(other.status.ports.end(), moved->begin(), moved->end());
    }
    return {};
}

}  // namespace

Result<os::Fd> open_netns(Engine& engine, const Container& container) {
    systemd::Manager* manager = TRY(engine.systemd());
    const auto state = TRY(manager->state(unit_name(container.name)));
    if (state.main_pid == 0) return error(Errc::not_found, "it has no process");
    return os::open(fmt::format("/proc/{}/ns/net", state.main_pid), O_RDONLY);
}

Result<> settle_networks(Engine& engine, const Container& container, Record& record, const config::Definition& before,
                         const config::Definition& now) {
    const auto from = TRY(requests_of(engine, container, record, before));
    const auto to = TRY(requests_of(engine, container, record, now));
    const os::Fd netns = TRY(open_netns(engine, container));
    const auto all = [&]() -> Result<> {
        TRY(apply(engine, from, to, netns.get()));
        return move_ports(engine, record, to);
    };
    if (auto done = all(); !done.ok()) {
        [[maybe_unused]] const auto undone = apply(engine, to, from, netns.get());
        return done;
    }
    return write_record(engine.paths(), record);
}

Result<> write_changed(Engine& engine, const Container& container, const config::Definition& changed) {
    TRY(os::write_file_atomic(container.definition_file, config::write_definition(changed), 0600));
    TRY(install_units(engine.paths(), container.name, changed, container.definition_file));
    return date_definition(container.name, container.definition_file);
}

}  // namespace detail

using namespace detail;

Result<> change_attachment(Engine& engine, const Container& caller, std::string_view network_name,
                           const AttachmentChange& change) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_container(engine.paths(), caller.name.str()));
        const Container container = TRY(engine.find_container(caller.name.str()));  // as it is now that no other changes it
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        config::Definition before = container.definition;
        before.networks = effective_networks(engine.config(), before);
        const std::string name = TRY(engine.network(network_name)).config.name;
        config::Definition changed = before;
        const auto entry = std::ranges::find(changed.networks, name, &config::NetworkAttachment::name);
        if (entry == changed.networks.end()) return error(Errc::not_found, "it is not connected");
        if (change.service_weight && entry->service.empty()) return error(Errc::invalid, "it is behind no service there");
        if (change.rate_up) entry->rate_up = *change.rate_up;
        if (change.rate_down) entry->rate_down = *change.rate_down;
        if (change.service_weight) entry->service_weight = *change.service_weight;
        if (change.default_route) {
            if (*change.default_route)
                for (auto& other : changed.networks) other.default_route = false;
            entry->default_route = *change.default_route;
        }
        TRY(config::checked_definition(changed, caller.name.str()));
        if (!is_engine_file(engine.paths(), container.definition_file))
            return error(Errc::denied, "it is defined by '{}': edit that file", container.definition_file);
        if (container.record) {
            Record record = *container.record;
            TRY(settle_networks(engine, container, record, before, changed));
            if (change.service_weight) TRY(weigh_service(engine.paths(), record, name, *change.service_weight));
        }
        return write_changed(engine, container, changed);
    };
    return all().context(fmt::format("change container '{}' on network '{}'", caller.name.str(), network_name));
}

}  // namespace gantry::container
