#include "image/build_cache.hpp"

#include "base/json.hpp"
#include "image/collect.hpp"
#include "image/filters.hpp"
#include "image/hasher.hpp"
#include "image/index.hpp"
#include "image/references.hpp"
#include "image/roots.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::image {

namespace {

constexpr std::size_t entry_size_limit = 1U << 20;

std::string folder_of(const Store& store) { return roots_folder(store.paths(), "build"); }
std::string file_of(const Store& store, const Digest& key) { return fmt::format("{}/{}.json", folder_of(store), key.hex()); }
std::string facts_folder(const Store& store) { return store.paths().data + "/build/facts"; }

Json json_of(const CachedStep& step) {
    Json json{{"step", step.step}, {"created", step.created}};
    if (!step.layer) return json;
    json["blobs"] = {step.layer->blob.digest.str()};
    json["layers"] = {step.layer->key};
    json["layer"] = {{"mediaType", step.layer->blob.media_type},
                     {"size", step.layer->blob.size},
                     {"diffId", step.layer->diff_id.str()},
                     {"unpacked", step.layer->size}};
    return json;
}

// Members are taken by type; a missing or wrong one throws.
Result<CachedStep> step_from(const Json& json) {
    CachedStep step;
    json.at("step").get_to(step.step);
    json.at("created").get_to(step.created);
    if (!json.contains("layer")) return step;
    const Json& layer = json.at("layer");
    Descriptor blob{layer.at("mediaType").get<std::string>(),
                    TRY(Digest::parse(json.at("blobs").at(0).get<std::string>())),
                    layer.at("size").get<std::uint64_t>(),
                    {}};
    step.layer =
        CachedStep::Layer{std::move(blob), json.at("layers").at(0).get<std::string>(),
                          TRY(Digest::parse(layer.at("diffId").get<std::string>())), layer.at("unpacked").get<std::uint64_t>()};
    return step;
}

Result<CachedStep> read_step(const std::string& file) {
    const std::string text = TRY(os::read_file(file, entry_size_limit));
    try {
        return step_from(parse_json(text));
    } catch (const Json::exception& failure) {
        return error(Errc::corrupt, "'{}': {}", file, failure.what());
    }
}

std::string mounts_folder(const Store& store) { return store.paths().data + "/build/mounts"; }

std::uint64_t bytes_below(const std::string& folder) {
    std::uint64_t sum = 0;
    for (const std::string& name : os::list_dir(folder).value_or({})) {
        struct stat info {};
        const std::string path = folder + "/" + name;
        if (lstat(path.c_str(), &info) != 0) continue;
        sum += S_ISDIR(info.st_mode) ? bytes_below(path) : S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
    }
    return sum;
}

// False where a step is using it.
Result<bool> remove_entry(const Store& store, const CacheEntry& entry) {
    if (!entry.mount) {
        TRY(os::remove_tree(fmt::format("{}/{}.json", folder_of(store), entry.id)));
        return true;
    }
    const std::string folder = mounts_folder(store) + "/" + entry.id;
    const auto lock = os::lock_file(folder + ".lock", true, false);
    if (!lock.ok()) return lock.error().code() == Errc::in_use ? Result<bool>(false) : Result<bool>(lock.error());
    TRY(os::remove_tree(folder));
    return true;
}

// Layers that images have.
std::set<driver::LayerKey> image_layers(const Store& store) {
    std::set<driver::LayerKey> keys;
    for (const Image& image : store.list().value_or({}))
        if (const auto config = store.config(image); config.ok())
            for (driver::LayerKey& key : store.layer_keys(*config)) keys.insert(std::move(key));
    return keys;
}

}  // namespace

Digest chained(const Digest& parent, std::string_view text) { return digest_of(fmt::format("{}\n{}", parent.str(), text)); }

std::optional<CachedStep> BuildCache::find(const Digest& key) const {
    const std::string file = file_of(store_, key);
    auto step = read_step(file);
    if (!step.ok()) return std::nullopt;
    if (step->layer) {
        const auto there = store_.storage().layer_exists(step->layer->key);
        if (!store_.has_blob(step->layer->blob.digest) || !there.ok() || !*there) return std::nullopt;
    }
    utimensat(AT_FDCWD, file.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);  // of use now
    return std::move(step).value();
}

Result<bool> BuildCache::put(const Digest& key, const CachedStep& step) const {
    const auto before = read_step(file_of(store_, key));
    const bool replaced = before.ok() && before->layer && (!step.layer || step.layer->key != before->layer->key);
    TRY(os::make_dirs(folder_of(store_), 0700));
    const std::string text = dump_json(json_of(step), 1) + "\n";
    // A lost entry is made again; a half one cannot be: the rename is atomic, synced or not.
    TRY_CONTEXT(os::write_file_atomic(file_of(store_, key), text, 0600, false), "build cache");
    return replaced;
}

std::optional<Digest> BuildCache::fact(const Digest& key) const {
    const auto text = os::read_file(fmt::format("{}/{}", facts_folder(store_), key.hex()), 256);
    if (!text.ok()) return std::nullopt;
    auto digest = Digest::parse(*text);
    return digest.ok() ? std::optional(std::move(digest).value()) : std::nullopt;
}

Result<> BuildCache::put_fact(const Digest& key, const Digest& value) const {
    TRY(os::make_dirs(facts_folder(store_), 0700));
    return os::write_file_atomic(fmt::format("{}/{}", facts_folder(store_), key.hex()), value.str(), 0600, false);
}

Result<std::vector<CacheEntry>> list_cache(const Store& store) {
    std::vector<CacheEntry> entries;
    const auto shared = image_layers(store);
    for (const std::string& name : TRY(os::list_dir(folder_of(store)))) {
        if (!name.ends_with(".json")) continue;
        auto key = Digest::parse("sha256:" + name.substr(0, name.size() - 5));
        const std::string file = folder_of(store) + "/" + name;
        struct stat info {};
        if (!key.ok() || stat(file.c_str(), &info) != 0) continue;
        const auto step = read_step(file);
        if (!step.ok()) continue;
        CacheEntry entry{std::string(key->hex()), step->step};
        entry.created = parse_timestamp(step->created).value_or(0);
        entry.used = info.st_mtim.tv_sec;
        if (step->layer) {
            entry.size = step->layer->size;
            entry.shared = shared.contains(step->layer->key);
        }
        entries.push_back(std::move(entry));
    }
    for (const std::string& name : TRY(os::list_dir(mounts_folder(store)))) {
        struct stat info {};
        const std::string folder = mounts_folder(store) + "/" + name;
        if (name.find('.') != std::string::npos || stat(folder.c_str(), &info) != 0) continue;
        CacheEntry entry{name, "mount cache", true};
        entry.created = entry.used = info.st_mtim.tv_sec;
        entry.size = bytes_below(folder);
        entries.push_back(std::move(entry));
    }
    std::ranges::sort(entries, {}, &CacheEntry::used);
    return entries;
}

Result<CachePruned> prune_cache(Store& store, const CachePrune& options) {
    CachePruned pruned;
    auto entries = TRY(list_cache(store));
    std::uint64_t left = 0;
    for (const CacheEntry& entry : entries) left += entry.size;
    for (const CacheEntry& entry : entries) {
        if ((entry.shared || entry.mount) && !options.all) continue;
        if (options.unused_since && entry.used >= *options.unused_since) continue;
        if (options.keep != 0 && left <= options.keep) break;
        if (!TRY(remove_entry(store, entry))) continue;
        left -= entry.size;
        if (entry.mount) pruned.bytes += entry.size;
        pruned.ids.push_back(entry.id);
    }
    if (options.all && !options.unused_since && options.keep == 0) TRY(os::remove_tree(facts_folder(store)));
    pruned.bytes += TRY(store.sweep());
    return pruned;
}

Result<CachePruned> discard(Store& store, const std::vector<CacheEntry>& entries) {
    CachePruned pruned;
    for (const CacheEntry& entry : entries) {
        if (!TRY(remove_entry(store, entry))) continue;
        if (entry.mount) pruned.bytes += entry.size;
        pruned.ids.push_back(entry.id);
    }
    pruned.bytes += TRY(store.sweep());
    return pruned;
}

}  // namespace gantry::image
