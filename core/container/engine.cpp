#include "container/engine_impl.hpp"

#include "os/file.hpp"

namespace gantry::container {

Engine::Impl::Impl(config::Paths folders) : paths(std::move(folders)), loader(paths.drivers, paths.data, paths.run) {}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::open() { return open(config::Paths::from_environment()); }

Result<Engine> Engine::open(const config::Paths& paths) {
    auto impl = std::make_unique<Impl>(paths);
    impl->config = TRY(config::load_engine(paths));
    return Engine(std::move(impl));
}

config::Paths& Engine::paths() { return impl_->paths; }
config::Engine& Engine::config() { return impl_->config; }
driver::Loader& Engine::drivers() { return impl_->loader; }

Result<driver::StorageDriver*> Engine::storage(const std::string& name) {
    const std::string& wanted = name.empty() ? impl_->config.storage_driver : name;
    auto& slot = impl_->storages[wanted];
    if (!slot) {
        auto loaded = TRY(impl_->loader.storage(wanted));
        TRY_CONTEXT(loaded->probe(), "storage driver '{}'", wanted);
        slot = std::move(loaded);
    }
    return slot.get();
}

Result<driver::NetworkDriver*> Engine::network_driver(const std::string& name) {
    auto& slot = impl_->networks[name];
    if (!slot) {
        auto loaded = TRY(impl_->loader.network(name));
        TRY_CONTEXT(loaded->probe(), "network driver '{}'", name);
        slot = std::move(loaded);
    }
    return slot.get();
}

Result<image::Store*> Engine::images() {
    if (!impl_->store) {
        driver::StorageDriver* driver = TRY(storage());
        impl_->store.emplace(TRY(image::Store::open(impl_->paths, *driver)));
    }
    return &*impl_->store;
}

Result<systemd::Manager*> Engine::systemd() {
    if (!impl_->manager) impl_->manager.emplace(TRY(systemd::Manager::connect()));
    return &*impl_->manager;
}

config::DefinitionFolders definition_folders(const config::Paths& paths) {
    config::DefinitionFolders folders;
    folders.folders = {paths.etc + "/containers", paths.run + "/containers", paths.data + "/containers",
                       "/usr/lib/gantry/containers"};
    return folders;
}

Result<> sweep_temporaries(const config::Paths& paths, const std::string& name) {
    for (const bool until_reboot : {true, false}) {
        const std::string file = definition_file(paths, name, until_reboot);
        const std::string folder = file.substr(0, file.rfind('/'));
        for (const std::string& entry : TRY(os::list_dir(folder)))
            if (entry.starts_with(name + ".toml.tmp-")) TRY(os::remove_tree(folder + "/" + entry));
    }
    return {};
}

std::string definition_file(const config::Paths& paths, const std::string& name, bool until_reboot) {
    return fmt::format("{}/containers/{}.toml", until_reboot ? paths.run : paths.data, name);
}

bool is_engine_file(const config::Paths& paths, const std::string& file) {
    return file.starts_with(paths.run + "/containers/") || file.starts_with(paths.data + "/containers/");
}

Result<os::Fd> lock_container(const config::Paths& paths, const std::string& name) {
    TRY(os::make_dirs(paths.run));
    return os::lock_name(paths.run + "/container.lock", name);
}

Result<image::Image> image_of(Engine& engine, const config::Definition& definition) {
    image::Store* store = TRY(engine.images());
    return store->find(definition.image_id.empty() ? definition.image : definition.image_id);
}

}  // namespace gantry::container
