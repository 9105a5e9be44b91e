// What ExecStopPost= does: takes down what a start left outside the container's namespaces.
#include "container/policy.hpp"
#include "container/record.hpp"
#include "container/services.hpp"
#include "container/units.hpp"
#include "container/volume_store.hpp"
#include "dns/entries.hpp"
#include "driver/loader.hpp"
#include "log/slots.hpp"
#include "os/file.hpp"

#include <cstdio>
#include <span>

namespace gantry::container {

namespace {

Result<> release_network(const config::Paths& paths, driver::Loader& loader, const ContainerName& name,
                         const Record::Network& network, bool keep_lease) {
    const auto release = [&]() -> Result<> {
        const auto driver = TRY(loader.network(network.config.driver));
        TRY(driver->teardown(name.str(), network.config, keep_lease));
        if (keep_lease || network.service.empty()) return {};
        return free_service(paths, *driver, network.config, network.service, name.str());
    };
    return release().context(fmt::format("network '{}'", network.config.name));
}

Result<> release_layer(driver::Loader& loader, const ContainerName& name, const Record& record) {
    const auto driver = TRY(loader.storage(record.storage_driver));
    TRY(driver->probe());
    return driver->teardown(name.str());
}

// What gantry-denials has not told yet; its entries go with the policy. Standard error is the unit's.
void tell_denials(const config::Paths& paths, const std::string& name) {
    constexpr std::size_t limit = 10;
    if (const auto policy = read_policy(paths, name); !policy.ok() || !*policy) return;
    const auto denials = unreported_denials(paths, name);
    const auto names = PeerNames::read(paths);
    if (!denials.ok() || !names.ok()) return;
    for (const Denial& denial : std::span(*denials).first(std::min(limit, denials->size())))
        fmt::print(stderr, "<5>gantry: network policy: {}\n", denial_text(denial, *names));
    if (denials->size() > limit)
        fmt::print(stderr, "<5>gantry: network policy: {} more kinds of denials\n", denials->size() - limit);
}

Result<> release_volumes(const config::Paths& paths, const Record& record) {
    FirstError first;
    for (const auto& volume : TRY(read_volumes(paths)))
        if (volume.anonymous && volume.owner == record.id) first.note(erase_volume(paths, volume.name));
    return first.result();
}

}  // namespace

Result<> reap(const config::Paths& paths, const ContainerName& name, bool remove) {
    FirstError first;
    const auto record = read_record(paths, name.str());
    if (record.ok()) {
        const bool all = remove || record->auto_remove;
        driver::Loader loader(paths.drivers, paths.data, paths.run);
        first.note(leave_services(paths, *record));
        tell_denials(paths, name.str());
        first.note(release_policy(paths, name.str()));
        first.note(os::write_file_atomic(paths.record(name.str()) + "/ending", "", 0600, false));
        first.note(refresh_policies(paths, *record));
        for (const auto& network : record->networks) first.note(dns::withdraw(paths, network.config.name, name.str()));
        for (const auto& network : record->networks) first.note(release_network(paths, loader, name, network, !all));
        if (all) {
            if (record->writable_layer) first.note(release_layer(loader, name, *record));
            first.note(release_volumes(paths, *record));
            // Only what the command line wrote: an administrator's file is not ours.
            if (record->definition_file.starts_with(paths.run) || record->definition_file.starts_with(paths.data))
                first.note(os::remove_tree(record->definition_file));
            first.note(remove_dropin(name));
        }
    } else if (record.error().code() != Errc::not_found) {
        first.note(record.error());
    }
    first.note(log::release_slots(paths, name));
    // Last: as long as it is there, everything above can be repeated.
    if (auto so_far = first.result(); !so_far.ok()) return so_far;
    return os::remove_tree(paths.record(name.str()));
}

}  // namespace gantry::container
