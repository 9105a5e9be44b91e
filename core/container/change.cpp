// update and rename: changes to a container that exists.
#include "container/attachments.hpp"
#include "container/engine_impl.hpp"
#include "os/file.hpp"

#include <set>

namespace gantry::container {

namespace {

std::string rename_folder(const config::Paths& paths) { return paths.data + "/renames"; }

bool is_boot_unit(const ContainerName& name) {
    struct stat info {};
    return lstat(fmt::format("/etc/systemd/system/multi-user.target.wants/{}", unit_name(name)).c_str(), &info) == 0;
}

// Names of containers whose definitions mention this one.
Result<std::vector<std::string>> referring(Engine& engine, const ContainerName& name) {
    std::vector<std::string> names;
    for (const auto& [other, file] : TRY(config::list_definitions(definition_folders(engine.paths())))) {
        auto found = config::find_definition(other, definition_folders(engine.paths()));
        if (!found.ok() || other == name) continue;
        const config::Definition& definition = found->definition;
        const auto in = [&](const std::vector<std::string>& list) { return std::ranges::find(list, name.str()) != list.end(); };
        bool refers = definition.network_mode == config::NetworkMode::container && definition.network_container == name.str();
        for (const auto* mode : {&definition.pid, &definition.ipc, &definition.uts, &definition.cgroup, &definition.user})
            refers = refers || (mode->kind == config::NamespaceMode::Kind::container && mode->container == name.str());
        if (refers || in(definition.requires_) || in(definition.wants) || in(definition.after)) names.push_back(other.str());
    }
    return names;
}

Result<> free_leases(Engine& engine, const ContainerName& name, const config::Definition& definition) {
    for (const auto& attachment : effective_networks(engine.config(), definition)) {
        auto network = read_network(engine.paths(), attachment.name);
        if (!network.ok()) continue;
        driver::NetworkDriver* driver = TRY(engine.network_driver(network->config.driver));
        TRY(driver->teardown(name.str(), network->config, false));
    }
    return {};
}

// Every step may have been done already: by a call that crashed after it.
Result<> carry_out_rename(Engine& engine, const ContainerName& from, const ContainerName& to) {
    std::string from_file, to_file;
    for (const bool until_reboot : {true, false}) {
        const std::string file = definition_file(engine.paths(), from.str(), until_reboot);
        if (!os::path_exists(file)) continue;
        from_file = file;
        to_file = definition_file(engine.paths(), to.str(), until_reboot);
    }
    const auto found = config::find_definition(from_file.empty() ? to : from, definition_folders(engine.paths()));
    if (!found.ok()) return found.error();
    const config::Definition& definition = found->definition;
    driver::StorageDriver* storage = TRY(engine.storage(definition.storage_driver));
    if (TRY(storage->status(from.str())).exists && !TRY(storage->status(to.str())).exists)
        TRY(storage->rename(from.str(), to.str()));
    TRY(free_leases(engine, from, definition));
    TRY(install_units(engine.paths(), to, definition, to_file.empty() ? found->file : to_file));
    if (is_boot_unit(from)) {
        TRY(engine.set_boot(to, true));
        TRY(engine.set_boot(from, false));
    }
    if (auto exit = read_exit_status(engine.paths(), from.str())) TRY(write_exit_status(engine.paths(), to.str(), *exit));
    TRY(erase_exit_status(engine.paths(), from.str()));
    if (!from_file.empty()) TRY(os::rename(from_file, to_file, false));
    TRY(remove_dropin(from));
    return os::remove_tree(rename_folder(engine.paths()) + "/" + from.str());
}

// What SetUnitProperties writes down would win over the drop-in at every later reload, also over an edited definition: the
// values stand in the drop-in by then. Files that were there before are the administrator's. Returns whether there were any.
Result<bool> forget_runtime_properties(const ContainerName& name, const std::vector<std::string>& before) {
    const std::string folder = runtime_property_folder(name);
    bool any = false;
    for (const std::string& file : TRY(os::list_dir(folder))) {
        if (std::ranges::find(before, file) != before.end()) continue;
        TRY(os::remove_tree(folder + "/" + file));
        any = true;
    }
    return any;
}

// Those that are not as they were. A list takes several entries of one name: all of them or none.
systemd::Properties changed_properties(const config::Definition& from, const config::Definition& to) {
    const systemd::Properties old = runtime_properties(from);
    systemd::Properties now = runtime_properties(to);
    const auto of_name = [](const systemd::Properties& all, const std::string& name) {
        systemd::Properties found;
        std::ranges::copy_if(all, std::back_inserter(found), [&](const auto& entry) { return entry.first == name; });
        return found;
    };
    std::set<std::string> same;
    for (const auto& [name, value] : now)
        if (of_name(old, name) == of_name(now, name)) same.insert(name);
    std::erase_if(now, [&](const auto& entry) { return same.contains(entry.first); });
    return now;
}

}  // namespace

Result<std::vector<std::string>> finish_renames(Engine& engine, bool repair) {
    std::vector<std::string> findings;
    for (const std::string& entry : TRY(os::list_dir(rename_folder(engine.paths())))) {
        auto from = ContainerName::parse(entry);
        auto text = os::read_file(rename_folder(engine.paths()) + "/" + entry, 4096);
        auto to = ContainerName::parse(text.ok() ? *text : "");
        if (!from.ok() || !to.ok()) {  // a temporary of an interrupted write
            if (repair) TRY(os::remove_tree(rename_folder(engine.paths()) + "/" + entry));
            continue;
        }
        // Somebody is at it right now.
        auto lock = os::lock_name(engine.paths().run + "/container.lock", from->str(), false);
        if (!lock.ok()) continue;
        findings.push_back(fmt::format("container '{}': renaming it to '{}' was interrupted", from->str(), to->str()));
        if (repair) TRY(carry_out_rename(engine, *from, *to));
    }
    return findings;
}

Result<> Engine::rename(const Container& container, const ContainerName& new_name) {
    const auto all = [&]() -> Result<> {
        if (new_name == container.name) return error(Errc::invalid, "it has that name already");
        TRY(finish_renames(*this, true));
        // Both names in one order, so that two renames across each other do not wait for ever.
        const os::Fd first = TRY(lock_container(paths(), std::min(container.name, new_name).str()));
        const os::Fd second = TRY(lock_container(paths(), std::max(container.name, new_name).str()));
        if (config::find_definition(new_name, definition_folders(paths())).ok() || read_record(paths(), new_name.str()).ok())
            return error(Errc::exists, "container name '{}' is already in use", new_name.str());
        if (!is_engine_file(paths(), container.definition_file))
            return error(Errc::denied, "it is defined by '{}': rename that file while it is stopped",
                         container.definition_file);
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        systemd::Manager* manager = TRY(systemd());
        if (is_up(TRY(manager->state(unit_name(container.name)))))
            return error(Errc::in_use, "it is running, and systemd cannot rename the unit of a running process: stop it first");
        if (const auto others = TRY(referring(*this, container.name)); !others.empty())
            return error(Errc::in_use, "container '{}' refers to it by this name", others.front());
        TRY(stop_sockets(*this, container));
        TRY(manager->reset_failed(unit_name(container.name)));
        TRY(os::make_dirs(rename_folder(paths())));
        TRY(os::write_file_atomic(rename_folder(paths()) + "/" + container.name.str(), new_name.str()));
        return carry_out_rename(*this, container.name, new_name);
    };
    return all().context(fmt::format("rename container '{}' to '{}'", container.name.str(), new_name.str()));
}

Result<> Engine::update(const Container& container, const config::Definition& changed) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_container(paths(), container.name.str()));
        if (!is_engine_file(paths(), container.definition_file))
            return error(Errc::denied, "it is defined by '{}': edit that file, then systemctl daemon-reload",
                         container.definition_file);
        TRY(check(container.name, changed));
        systemd::Manager* manager = TRY(systemd());
        const std::string unit = unit_name(container.name);
        const bool up = is_up(TRY(manager->state(unit)));
        const auto before = TRY(os::list_dir(runtime_property_folder(container.name)));
        // A limit that the kernel refuses must not get into the definition.
        const systemd::Properties properties = changed_properties(container.definition, changed);
        if (up && !properties.empty()) TRY(manager->set_properties(unit, properties, true));
        TRY(os::write_file_atomic(container.definition_file, config::write_definition(changed), 0600));
        const bool differs = TRY(install_units(paths(), container.name, changed, container.definition_file));
        TRY(date_definition(container.name, container.definition_file));
        if (const bool boot = starts_at_boot(changed); boot != starts_at_boot(container.definition))
            TRY(set_boot(container.name, boot));
        // Restart=, timeouts and the like of a unit in memory change only by a reload. Not on any start path.
        if (up) {
            const bool forgotten = TRY(forget_runtime_properties(container.name, before));
            if (differs || forgotten) TRY(manager->daemon_reload());
        }
        // Not running: what an earlier update set for the run then must not win over the drop-in at the next start, and a
        // failed unit must be read anew.
        if (!up) {
            TRY(os::remove_tree(runtime_property_folder(container.name)));
            TRY(manager->reset_failed(unit));
        }
        return {};
    };
    return all().context(fmt::format("update container '{}'", container.name.str()));
}

}  // namespace gantry::container
