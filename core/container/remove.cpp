// Removal: everything that is kept for a container goes, the definition last, so that an interrupted removal can be repeated.
#include "container/attachments.hpp"
#include "container/engine_impl.hpp"
#include "container/services.hpp"
#include "image/collect.hpp"
#include "os/file.hpp"

namespace gantry::container {

namespace {

Result<> release_storage(Engine& engine, const Container& container) {
    const std::string driver = container.record && !container.record->storage_driver.empty()
                                   ? container.record->storage_driver
                                   : container.definition.storage_driver;
    driver::StorageDriver* storage = TRY(engine.storage(driver));
    return storage->teardown(container.name.str());
}

Result<> release_networks(Engine& engine, const Container& container) {
    std::map<std::string, driver::NetworkConfig> networks;
    if (container.record)
        for (const auto& network : container.record->networks) networks.emplace(network.config.name, network.config);
    if (container.problem) {
        // Its networks cannot be told any more; asking each is cheap and harms nothing.
        for (auto& network : TRY(read_networks(engine.paths())))
            networks.emplace(network.config.name, std::move(network.config));
    } else {
        for (const auto& attachment : effective_networks(engine.config(), container.definition))
            if (auto network = read_network(engine.paths(), attachment.name); network.ok())
                networks.emplace(attachment.name, network->config);
    }
    FirstError first;
    for (const auto& [name, config] : networks) {
        auto driver = engine.network_driver(config.driver);
        first.note(driver.ok() ? driver.value()->teardown(container.name.str(), config, false) : Result<>(driver.error()));
        const auto* attachment = attachment_of(container.definition, name);
        if (driver.ok() && attachment != nullptr && !attachment->service.empty())
            first.note(free_service(engine.paths(), **driver, config, attachment->service, container.name.str()));
    }
    return first.result();
}

Result<> release_volumes(Engine& engine, const Container& container) {
    FirstError first;
    for (const VolumeInfo& volume : TRY(read_volumes(engine.paths()))) {
        if (!volume.anonymous || volume.owner != container.id) continue;
        // In use by another container (--volumes-from): it stays, and goes with `volume prune`.
        if (TRY(volume_users(engine.paths(), volume.name, container.id)).empty())
            first.note(erase_volume(engine.paths(), volume.name));
    }
    return first.result();
}

Result<> stop_for_removal(Engine& engine, const Container& container, bool force) {
    systemd::Manager* manager = TRY(engine.systemd());
    const std::string unit = unit_name(container.name);
    const systemd::UnitState state = TRY(manager->state(unit));
    if (is_up(state)) {
        if (!force) return error(Errc::in_use, "it is running: stop it first, or force the removal");
        TRY(manager->stop_now(unit));
    }
    TRY(stop_sockets(engine, container));
    return manager->reset_failed(unit);
}

}  // namespace

Result<> stop_sockets(Engine& engine, const Container& container) {
    // What a definition that cannot be read has is not known.
    if (!container.problem && !has_sockets(container.definition)) return {};
    systemd::Manager* manager = TRY(engine.systemd());
    const std::string unit = socket_name(container.name);
    if (is_up(TRY(manager->state(unit)))) TRY(manager->stop(unit));
    return manager->reset_failed(unit);
}

std::string runtime_property_folder(const ContainerName& name) {
    return "/run/systemd/system.control/" + unit_name(name) + ".d";
}

Result<> release_container(Engine& engine, const Container& container, bool volumes) {
    FirstError first;
    first.note(reap(engine.paths(), container.name, false));
    first.note(release_storage(engine, container));
    first.note(release_networks(engine, container));
    if (volumes) first.note(release_volumes(engine, container));
    if (os::path_exists(fmt::format("/etc/systemd/system/multi-user.target.wants/{}", unit_name(container.name))))
        first.note(engine.set_boot(container.name, false));
    first.note(remove_dropin(container.name));
    first.note(os::remove_tree(runtime_property_folder(container.name)));
    first.note(erase_exit_status(engine.paths(), container.name.str()));
    return first.result();
}

Result<> Engine::remove(const Container& container, bool force, bool volumes) {
    const auto all = [&]() -> Result<> {
        TRY(finish_renames(*this, true));
        const os::Fd lock = TRY(lock_container(paths(), container.name.str()));
        const bool ours = is_engine_file(paths(), container.definition_file);
        if (!ours && !force)
            return error(Errc::denied,
                         "it is defined by '{}', which is not gantry's to remove: remove that file, or force the removal of "
                         "all but the definition",
                         container.definition_file);
        TRY(stop_for_removal(*this, container, force));
        TRY(release_container(*this, container, volumes));
        // Its image was of use until now; the collector counts from here.
        if (const auto image = image_of(*this, container.definition); !container.problem && image.ok())
            image::mark_used(*TRY(images()), *image);
        TRY(sweep_temporaries(paths(), container.name.str()));
        return ours ? os::remove_tree(container.definition_file) : Result<>();
    };
    return all().context(fmt::format("remove container '{}'", container.name.str()));
}

}  // namespace gantry::container
