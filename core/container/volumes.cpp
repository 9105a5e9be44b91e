#include "container/engine_impl.hpp"

namespace gantry::container {

Result<std::vector<std::string>> volume_users(const config::Paths& paths, std::string_view volume, std::string_view except) {
    std::vector<std::string> users;
    for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(paths)))) {
        auto found = config::find_definition(name, definition_folders(paths));
        // A definition that cannot be read might name it: what holds data is not removed on a guess.
        if (!found.ok()) {
            users.push_back(name.str());
            continue;
        }
        if (!except.empty() && found->definition.id == except) continue;
        for (const auto& mount : found->definition.mounts)
            if (mount.type == config::MountType::volume && mount.source == volume) users.push_back(name.str());
    }
    return users;
}

Result<std::vector<VolumeInfo>> Engine::volumes() { return read_volumes(paths()); }

Result<VolumeInfo> Engine::volume(std::string_view name) { return read_volume(paths(), name); }

Result<VolumeInfo> Engine::volume_create(std::string name, std::map<std::string, std::string> labels,
                                         std::map<std::string, std::string> options) {
    VolumeInfo wanted;
    wanted.anonymous = name.empty();
    wanted.name = name.empty() ? random_container_id() : std::move(name);
    wanted.labels = std::move(labels);
    wanted.options = std::move(options);
    // Docker: creating a volume that is there gives that one.
    return ensure_volume(paths(), wanted);
}

Result<> Engine::volume_remove(std::string_view name, bool force) {
    auto volume = read_volume(paths(), name);
    if (!volume.ok()) {
        if (force && volume.error().code() == Errc::not_found) return {};
        return std::move(volume).error();
    }
    const auto users = TRY(volume_users(paths(), volume->name));
    if (!users.empty()) return error(Errc::in_use, "volume '{}' is in use by container '{}'", name, users.front());
    return erase_volume(paths(), volume->name);
}

}  // namespace gantry::container
