// Everything that a start would refuse, looked at without starting.
#include "container/attachments.hpp"
#include "container/controllers.hpp"
#include "container/engine_impl.hpp"
#include "os/file.hpp"

#include <unistd.h>

namespace gantry::container {

namespace {

constexpr std::string_view unit_suffixes[] = {".service", ".socket", ".target", ".mount", ".path",     ".timer",
                                              ".slice",   ".scope",  ".device", ".swap",  ".automount"};

bool is_unit(std::string_view text) {
    return std::ranges::any_of(unit_suffixes, [&](std::string_view suffix) { return text.ends_with(suffix); });
}

Result<> check_image(Engine& engine, const config::Definition& definition, image::ImageConfig& config) {
    if (definition.image.empty()) return error(Errc::invalid, "no image is given");
    const image::Image image = TRY(image_of(engine, definition));
    image::Store* store = TRY(engine.images());
    config = TRY_CONTEXT(store->config(image), "image '{}'", definition.image);
    const auto words = [](const auto& list) { return list && !list->empty(); };
    const bool own = words(definition.entrypoint) || words(definition.command);
    const bool images = (!definition.entrypoint && !config.entrypoint.empty()) ||
                        (!definition.entrypoint && !definition.command && !config.command.empty());
    if (!own && !images) return error(Errc::invalid, "no command is given, and image '{}' has none", definition.image);
    return {};
}

Result<> check_storage(Engine& engine, const ContainerName& name, const config::Definition& definition,
                       const image::ImageConfig& config) {
    image::Store* store = TRY(engine.images());
    driver::StorageDriver* driver = TRY(engine.storage(definition.storage_driver));
    auto keys = store->layer_keys(config);
    for (const auto& key : keys)
        if (!TRY(driver->layer_exists(key)))
            return error(Errc::corrupt, "image '{}': layer {} is not unpacked, pull it again", definition.image,
                         key.substr(0, 12));
    return driver->validate(rootfs_request(name, definition, std::move(keys)));
}

Result<> check_networks(Engine& engine, const ContainerName& name, const std::string& id, const config::Definition& definition,
                        const image::ImageConfig& config) {
    const auto find_driver = [&](const std::string& driver) { return engine.network_driver(driver); };
    for (const auto& request :
         TRY(attach_requests(engine.paths(), engine.config(), find_driver, name, id, definition, config.exposed_ports))) {
        driver::NetworkDriver* driver =
            TRY_CONTEXT(engine.network_driver(request.network.driver), "network '{}'", request.network.name);
        TRY_CONTEXT(driver->validate(request), "network '{}'", request.network.name);
    }
    return {};
}

Result<> check_readable(std::string_view what, const std::string& path) {
    if (access(path.c_str(), R_OK) != 0) return errno_error("{} '{}'", what, path);
    return {};
}

// Files and devices of the host that a start opens.
Result<> check_host_paths(const config::Definition& definition) {
    for (const auto& mount : definition.mounts)
        if (mount.type == config::MountType::bind && !mount.create_source && !os::path_exists(mount.source))
            return error(Errc::not_found, "mount on '{}': '{}' does not exist on the host", mount.target, mount.source);
    for (const auto& file : definition.env_files) TRY(check_readable("environment file", file));
    for (const auto& device : definition.devices) TRY(check_readable("device", device.host));
    if (definition.security.seccomp.starts_with('/')) TRY(check_readable("seccomp profile", definition.security.seccomp));
    for (const auto& credential : definition.credentials)
        if (credential.path.starts_with('/')) TRY(check_readable("credential", credential.path));
    return {};
}

Result<> check_other(Engine& engine, const ContainerName& name, std::string_view key, const std::string& other) {
    if (other == name.str()) return error(Errc::invalid, "{}: the container names itself", key);
    auto found = engine.find_container(other);
    if (!found.ok()) return std::move(found).error().context(fmt::format("{} '{}'", key, other));
    return {};
}

// Other containers that this one needs.
Result<> check_references(Engine& engine, const ContainerName& name, const config::Definition& definition) {
    if (definition.network_mode == config::NetworkMode::container)
        TRY(check_other(engine, name, "network of container", definition.network_container));
    for (const auto* mode : {&definition.pid, &definition.ipc, &definition.uts, &definition.cgroup, &definition.user})
        if (mode->kind == config::NamespaceMode::Kind::container)
            TRY(check_other(engine, name, "namespace of container", mode->container));
    for (const auto& other : definition.requires_)
        if (!is_unit(other)) TRY(check_other(engine, name, "required container", other));
    return {};
}

}  // namespace

driver::RootfsRequest rootfs_request(const ContainerName& name, const config::Definition& definition,
                                     std::vector<driver::LayerKey> layers) {
    driver::RootfsRequest request;
    request.container = name.str();
    request.layers = std::move(layers);
    request.read_only = definition.read_only;
    request.size_limit = definition.storage_size;
    return request;
}

Result<> Engine::check(const ContainerName& name, const config::Definition& definition) {
    const auto all = [&]() -> Result<> {
        if (definition.auto_remove && definition.restart != config::Restart::no)
            return error(Errc::invalid, "a container that is removed when it ends cannot be restarted by policy '{}'",
                         config::restart_text(definition.restart, definition.restart_max));
        image::ImageConfig config;
        TRY(check_image(*this, definition, config));
        TRY(check_controllers(definition.limits, cgroup_root));
        TRY(check_host_paths(definition));
        TRY(check_references(*this, name, definition));
        TRY(check_storage(*this, name, definition, config));
        const std::string id = definition.id.empty() ? random_container_id() : definition.id;
        TRY(check_networks(*this, name, id, definition, config));
        TRY(unit_dropin(name, definition, FactsReader(paths()).facts(name, definition, "")));
        return {};
    };
    return all().context(fmt::format("container '{}'", name.str()));
}

}  // namespace gantry::container
