// A definition becomes a container: checked, written, known to systemd. Nothing is running yet.
#include "container/engine_impl.hpp"

#include "os/file.hpp"

#include <ctime>

namespace gantry::container {

namespace {

Result<> refuse_taken(Engine& engine, const ContainerName& name) {
    auto found = config::find_definition(name, definition_folders(engine.paths()));
    if (!found.ok() && found.error().code() == Errc::not_found) {
        // A container whose definition somebody took away while it runs still has the name.
        if (read_record(engine.paths(), name.str()).ok())
            return error(Errc::exists, "container name '{}' is still in use by a running container without a definition",
                         name.str());
        return {};
    }
    const std::string by = found.ok() && !found->definition.id.empty()
                               ? fmt::format("container {}", found->definition.id.substr(0, 12))
                               : "an existing container";
    return error(Errc::exists, "container name '{}' is already in use by {}: remove or rename that one first", name.str(), by);
}

// A name and its lock. Names that were made up are tried again, those that were asked for are not.
struct Claim {
    ContainerName name;
    os::Fd lock;
};
Result<Claim> claim_name(Engine& engine, const std::optional<ContainerName>& wanted) {
    for (int attempt = 0;; ++attempt) {
        ContainerName name = wanted ? *wanted : TRY(ContainerName::parse(random_name(attempt)));
        os::Fd lock = TRY(lock_container(engine.paths(), name.str()));
        auto is_free = refuse_taken(engine, name);
        if (is_free.ok()) return Claim{std::move(name), std::move(lock)};
        if (wanted || attempt == 20 || is_free.error().code() != Errc::exists) return std::move(is_free).error();
    }
}

// The image's VOLUMEs that no mount covers become anonymous volumes, and every anonymous one gets its name.
void name_volumes(config::Definition& definition, const image::ImageConfig& image) {
    for (const std::string& target : image.volumes) {
        const auto covers = [&](const config::Mount& mount) { return mount.target == target; };
        if (std::ranges::any_of(definition.mounts, covers)) continue;
        config::Mount mount;
        mount.type = config::MountType::volume;
        mount.target = target;
        definition.mounts.push_back(std::move(mount));
    }
    for (config::Mount& mount : definition.mounts)
        if (mount.type == config::MountType::volume && mount.source.empty())
            mount.source = anonymous_volume_name(definition.id, mount.target);
}

Result<> make_volumes(const config::Paths& paths, const config::Definition& definition) {
    for (const config::Mount& mount : definition.mounts) {
        if (mount.type != config::MountType::volume) continue;
        VolumeInfo wanted;
        wanted.name = mount.source;
        wanted.anonymous = mount.source == anonymous_volume_name(definition.id, mount.target);
        if (wanted.anonymous) wanted.owner = definition.id;
        TRY(ensure_volume(paths, wanted));
    }
    return {};
}

Result<> write_files(Engine& engine, const ContainerName& name, const config::Definition& definition) {
    const std::string file = definition_file(engine.paths(), name.str(), definition.auto_remove);
    // The definition comes last: a crash before it leaves a drop-in that nobody uses, not a container without its limits.
    TRY(install_units(engine.paths(), name, definition, file));
    const auto write = [&]() -> Result<> {
        TRY(os::make_dirs(file.substr(0, file.rfind('/'))));
        // The environment of a definition may hold secrets.
        const std::string text = config::write_definition(definition);
        TRY(config::parse_definition(text, "options"));  // what contradicts itself would be a container that nobody can start
        TRY(os::write_file_atomic(file, text, 0600, !definition.auto_remove));
        return date_definition(name, file);
    };
    if (auto written = write(); !written.ok()) {
        [[maybe_unused]] const auto removed = remove_dropin(name);
        return written;
    }
    return {};
}

}  // namespace

bool starts_at_boot(const config::Definition& definition) {
    return definition.restart == config::Restart::always || definition.restart == config::Restart::unless_stopped;
}

Result<Container> Engine::create(std::optional<ContainerName> name, config::Definition definition) {
    TRY(finish_renames(*this, true));
    const Claim claim = TRY(claim_name(*this, name));
    TRY(sweep_temporaries(paths(), claim.name.str()));
    if (definition.id.empty()) definition.id = random_container_id();
    if (definition.created == 0) definition.created = std::time(nullptr);
    const image::Image image = TRY_CONTEXT(image_of(*this, definition), "container '{}'", claim.name.str());
    // A tag that moves later does not change this container.
    definition.image_id = image.id.str();
    image::Store* store = TRY(images());
    name_volumes(definition, TRY(store->config(image)));
    TRY(check(claim.name, definition));
    TRY_CONTEXT(make_volumes(paths(), definition), "container '{}'", claim.name.str());
    // What a removed container of this name left behind is not this one's.
    TRY(erase_exit_status(paths(), claim.name.str()));
    TRY_CONTEXT(write_files(*this, claim.name, definition), "container '{}'", claim.name.str());
    if (starts_at_boot(definition)) {
        auto enabled = set_boot(claim.name, true);
        if (!enabled.ok()) {
            [[maybe_unused]] const auto undone =
                os::remove_tree(definition_file(paths(), claim.name.str(), definition.auto_remove));
            [[maybe_unused]] const auto removed = remove_dropin(claim.name);
            return std::move(enabled).error().context(fmt::format("container '{}'", claim.name.str()));
        }
    }
    Container container{.name = claim.name, .id = definition.id};
    container.definition_file = definition_file(paths(), claim.name.str(), definition.auto_remove);
    container.definition = std::move(definition);
    container.unit.name = unit_name(claim.name);
    container.unit.active = "inactive";
    container.state = "created";
    return container;
}

Result<> Engine::set_boot(const ContainerName& name, bool wanted) {
    systemd::Manager* manager = TRY(systemd());
    return wanted ? manager->enable(unit_name(name)) : manager->disable(unit_name(name));
}

}  // namespace gantry::container
