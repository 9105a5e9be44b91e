// Images out of containers and archives.
#include "container/engine_impl.hpp"
#include "base/text.hpp"
#include "container/image_changes.hpp"
#include "container/pause.hpp"
#include "image/compose.hpp"
#include "image/image_text.hpp"

#include <ctime>

namespace gantry::container {

namespace {

// RFC 3339 with nanoseconds, as Docker's images have it.
std::string now() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return rfc3339(time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec), 9);
}

// The writable layer's files, while its container stands still if that is wanted.
Result<image::NewLayer> layer_of(Engine& engine, const Container& container, const std::vector<driver::LayerKey>& below,
                                 const CommitOptions& options) {
    image::Store* store = TRY(engine.images());
    driver::StorageDriver* storage = TRY(engine.storage(container.definition.storage_driver));
    if (storage != &store->storage())
        return error(Errc::unsupported, "its files are in storage driver '{}', images in '{}'",
                     container.definition.storage_driver, engine.config().storage_driver);
    std::optional<Pause> pause;
    if (options.pause) {
        systemd::Manager* manager = TRY(engine.systemd());
        if (auto begun = TRY_CONTEXT(Pause::begin(engine.paths(), *manager, container.name), "pause it"))
            pause.emplace(std::move(*begun));
    }
    Result<> thawed;
    image::LayerOptions how;
    how.skip_empty = true;
    how.cancel = options.cancel;
    how.read_done = [&] {
        if (pause) thawed = pause->end();
    };
    auto layer = layer_of_changes(*store, container.name.str(), below, how);
    if (pause && thawed.ok()) thawed = pause->end();
    if (layer.ok()) TRY_CONTEXT(std::move(thawed), "let it go on");
    return layer;
}

// The image of a configuration whose last layer was just made. Where that fails, nothing of it is left.
Result<image::Image> finish(image::Store& store, const image::ImageConfig& config, std::vector<image::Descriptor> layers,
                            const image::NewLayer& layer, const std::optional<ImageRef>& name, os::Fd held) {
    const auto all = [&]() -> Result<image::Image> {
        const Digest manifest = TRY(image::put_image(store, config, layers));
        return store.add(manifest, name, std::nullopt);
    };
    auto made = all();
    if (made.ok()) return made;
    held.reset();
    image::take_back(store, layer, config, layers);
    return made;
}

}  // namespace

Result<image::Image> Engine::commit(const Container& container, const CommitOptions& options) {
    const auto all = [&]() -> Result<image::Image> {
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        const os::Fd lock = TRY(lock_container(paths(), container.name.str()));
        image::Store* store = TRY(images());
        os::Fd held = TRY(store->hold());
        const image::Image base = TRY(image_of(*this, container.definition));
        const image::ImageConfig old = TRY(store->config(base));
        std::vector<image::Descriptor> layers = TRY(store->manifest(base)).layers;
        // All that can be refused is refused before anything stands still.
        image::ImageConfig config = TRY(committed_config(container.definition, container.id, old));
        const std::string command = fmt::format("{}", fmt::join(config.command, " "));
        TRY(apply_changes(config, options.changes));
        const image::NewLayer layer = TRY(layer_of(*this, container, store->layer_keys(old), options));
        if (!layer.empty) {
            layers.push_back(layer.blob);
            config.diff_ids.push_back(layer.diff_id);
        }
        config.created = now();
        config.author = options.author;
        config.history.push_back({config.created, command, options.message, layer.empty, options.author});
        return finish(*store, config, std::move(layers), layer, options.name, std::move(held));
    };
    return all().context(fmt::format("commit container '{}'", container.name.str()));
}

Result<image::Image> Engine::import_image(image::ByteSource& source, const ImportOptions& options) {
    image::Store* store = TRY(images());
    os::Fd held = TRY(store->hold());
    image::ImageConfig config;
    config.platform = options.platform.value_or(image::Platform::host());
    TRY(apply_changes(config, options.changes));
    image::LayerOptions how;
    how.cancel = options.cancel;
    const image::NewLayer layer = TRY(layer_of_tar(*store, source, "", how));
    config.created = now();
    config.diff_ids = {layer.diff_id};
    config.history = {{config.created, "", options.message, false, ""}};
    return finish(*store, config, {layer.blob}, layer, options.name, std::move(held));
}

}  // namespace gantry::container
