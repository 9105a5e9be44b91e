// What takes room, and the prune verbs that give it back.
#include "container/engine_impl.hpp"
#include "image/usage.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <fts.h>

#include <charconv>

namespace gantry::container {

namespace {

// Allocated bytes below a folder; what disappears meanwhile counts nothing.
std::uint64_t bytes_below(const std::string& path) {
    char* const roots[] = {const_cast<char*>(path.c_str()), nullptr};
    const std::unique_ptr<FTS, int (*)(FTS*)> walk(fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr), fts_close);
    std::uint64_t bytes = 0;
    if (!walk) return 0;
    while (const FTSENT* entry = fts_read(walk.get()))
        if (entry->fts_info == FTS_F || entry->fts_info == FTS_D || entry->fts_info == FTS_SL || entry->fts_info == FTS_DEFAULT)
            bytes += static_cast<std::uint64_t>(entry->fts_statp->st_blocks) * 512;
    return bytes;
}

bool has_label(const std::map<std::string, std::string>& labels, std::string_view wanted) {
    const auto equals = wanted.find('=');
    const auto label = labels.find(std::string(wanted.substr(0, equals)));
    return label != labels.end() && (equals == std::string_view::npos || label->second == wanted.substr(equals + 1));
}

// Docker's filters of the prune verbs: all of them must agree.
Result<bool> passes(const Engine::Filters& filters, const std::map<std::string, std::string>& labels, std::int64_t created) {
    for (const auto& [key, values] : filters) {
        for (const std::string& value : values) {
            if (key == "label" || key == "label!") {
                if (has_label(labels, value) != (key == "label")) return false;
            } else if (key == "until") {
                std::int64_t until = 0;
                const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), until);
                if (code != std::errc() || end != value.data() + value.size())
                    return error(Errc::invalid, "filter 'until': '{}' is not a number of seconds since 1970", value);
                if (created >= until) return false;
            } else if (key != "all") {
                return error(Errc::invalid, "filter '{}' is not known: there are label, label! and until", key);
            }
        }
    }
    return true;
}

bool wants_all(const Engine::Filters& filters) {
    const auto found = filters.find("all");
    return found != filters.end() && !found->second.empty() &&
           (found->second.front() == "true" || found->second.front() == "1");
}

std::uint64_t layer_bytes(Engine& engine, const std::string& driver, const std::string& name) {
    auto storage = engine.storage(driver);
    if (!storage.ok()) return 0;
    auto status = storage.value()->status(name);
    return status.ok() ? status->bytes : 0;
}

}  // namespace

Result<std::vector<Digest>> Engine::images_in_use() {
    std::vector<Digest> used;
    for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(paths())))) {
        auto found = config::find_definition(name, definition_folders(paths()));
        if (!found.ok()) continue;
        if (auto image = image_of(*this, found->definition); image.ok()) used.push_back(image->id);
    }
    return used;
}

Result<Engine::Pruned> Engine::prune_containers(const Filters& filters) {
    Pruned pruned;
    for (const Container& container : TRY(containers())) {
        if (is_up(container.unit) || container.problem || !is_engine_file(paths(), container.definition_file)) continue;
        if (!TRY(passes(filters, container.definition.labels, container.definition.created))) continue;
        const std::uint64_t bytes = layer_bytes(*this, container.definition.storage_driver, container.name.str());
        auto removed = remove(container, false, false);
        // Started since we looked.
        if (!removed.ok() && removed.error().code() == Errc::in_use) continue;
        TRY(std::move(removed));
        pruned.names.push_back(container.id);
        pruned.bytes += bytes;
    }
    return pruned;
}

Result<Engine::Pruned> Engine::prune_networks(const Filters& filters) {
    std::set<std::string> used;
    for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(paths()))))
        if (auto found = config::find_definition(name, definition_folders(paths())); found.ok())
            for (const auto& network : found->definition.networks) used.insert(network.name);
    Pruned pruned;
    for (const NetworkInfo& network : TRY(read_networks(paths()))) {
        if (network.predefined || network.config.name == config().default_network || used.contains(network.config.name))
            continue;
        if (!TRY(passes(filters, network.labels, network.created))) continue;
        auto removed = network_remove(network.config.name);
        if (!removed.ok() && removed.error().code() == Errc::in_use) continue;
        TRY(std::move(removed));
        pruned.names.push_back(network.config.name);
    }
    return pruned;
}

Result<Engine::Pruned> Engine::prune_volumes(const Filters& filters) {
    Pruned pruned;
    for (const VolumeInfo& volume : TRY(volumes())) {
        // Docker since 23: named ones only when asked for.
        if (!volume.anonymous && !wants_all(filters)) continue;
        if (!TRY(passes(filters, volume.labels, volume.created))) continue;
        const std::uint64_t bytes = bytes_below(volume.path);
        auto removed = volume_remove(volume.name, false);
        if (!removed.ok() && removed.error().code() == Errc::in_use) continue;
        TRY(std::move(removed));
        pruned.names.push_back(volume.name);
        pruned.bytes += bytes;
    }
    return pruned;
}

Result<image::Store::Pruned> Engine::prune_images(bool all, const std::map<std::string, std::string>& filters) {
    return TRY(images())->prune(all, TRY(images_in_use()), filters);
}

Result<Engine::Pruned> Engine::prune_build_cache(const image::CachePrune& options) {
    auto pruned = TRY(image::prune_cache(*TRY(images()), options));
    return Pruned{std::move(pruned.ids), pruned.bytes};
}

Result<Engine::Usage> Engine::usage() {
    Usage usage;
    const auto containers = TRY(this->containers());
    std::map<Digest, std::size_t> image_users;
    for (const Container& container : containers) {
        if (container.problem) continue;
        const bool up = is_up(container.unit);
        const std::uint64_t bytes = layer_bytes(*this, container.definition.storage_driver, container.name.str());
        usage.containers.push_back({container.name.str(), bytes, bytes, up ? 1U : 0U, up});
        if (auto image = image_of(*this, container.definition); image.ok()) ++image_users[image->id];
    }
    std::set<Digest> used;
    for (const auto& [id, users] : image_users) used.insert(id);
    const image::StoreUsage store = TRY(image::usage(*TRY(images()), used));
    for (const image::ImageUsage& one : store.images) {
        const std::size_t users = image_users[one.image.id];
        usage.images.push_back({one.image.id.str(), one.shared + one.unique, one.unique, users, users != 0});
    }
    usage.build_cache = TRY(image::list_cache(*TRY(images())));
    usage.layer_bytes = store.layers;
    usage.layer_reclaimable = store.reclaimable;
    for (const VolumeInfo& volume : TRY(volumes())) {
        const std::size_t users = TRY(volume_users(paths(), volume.name)).size();
        const std::uint64_t bytes = bytes_below(volume.path);
        usage.volumes.push_back({volume.name, bytes, bytes, users, users != 0});
    }
    return usage;
}

}  // namespace gantry::container
