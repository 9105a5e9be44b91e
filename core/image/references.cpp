#include "image/references.hpp"

#include "image/json.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

namespace {

std::uint64_t file_size(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

Result<> unlink_file(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", path);
    return {};
}

// A transfer of another process that holds no transfer lock (an old version, a foreign tool) still locks its partial blob.
bool locked(const std::string& path) {
    const auto lock = os::lock_file(path, true, false);
    return !lock.ok();
}

Result<> find_blobs(const Store& store, const References& needed, std::string_view algorithm, Sweep::Orphans& orphans) {
    const std::string folder = store.impl().blob_folder(algorithm);
    for (const std::string& name : TRY(os::list_dir(folder))) {
        const auto digest = Digest::parse(fmt::format("{}:{}", algorithm, name));
        if (!digest.ok())
            orphans.strays.push_back(folder + "/" + name);
        else if (!needed.blobs.contains(*digest))
            orphans.blobs.push_back(*digest);
    }
    return {};
}

// write_file_atomic's temporary neighbours. Who writes here holds off sweeps, so nobody is writing now.
Result<> find_strays(const std::string& folder, Sweep::Orphans& orphans) {
    for (const std::string& name : TRY(os::list_dir(folder)))
        if (name.find(".tmp-") != std::string::npos) orphans.strays.push_back(folder + "/" + name);
    return {};
}

}  // namespace

void References::add_manifest(const Store& store, const Digest& digest, std::string_view text) {
    const auto manifest = parse_manifest(text);
    if (!manifest.ok()) {
        complete = false;
        return;
    }
    blobs.insert(manifest->config.digest);
    for (const Descriptor& layer : manifest->layers) blobs.insert(layer.digest);
    const auto config = store.config(Image{manifest->config.digest, digest, {}, {}, 0, {}});
    if (!config.ok()) {
        complete = false;
        return;
    }
    for (driver::LayerKey& key : store.layer_keys(*config)) layers.insert(std::move(key));
}

// Of an index that another tool wrote, platforms that were never fetched are no loss: what is not there is not needed.
void References::add_index(const Store& store, std::string_view text, int depth) {
    const auto nested = parse_index(text);
    if (!nested.ok() || depth > 4) {
        complete = false;
        return;
    }
    for (const IndexRecord& record : nested->records) {
        blobs.insert(record.digest);
        const auto inner = store.blob_text(record.digest);
        if (!inner.ok()) continue;
        if (is_index_type(record.media_type))
            add_index(store, *inner, depth + 1);
        else
            add_manifest(store, record.digest, *inner);
    }
}

void References::add(const Store& store, const IndexRecord& record) {
    blobs.insert(record.digest);
    const auto text = store.blob_text(record.digest);
    if (!text.ok())
        complete = false;
    else if (is_index_type(record.media_type))
        add_index(store, *text, 0);
    else
        add_manifest(store, record.digest, *text);
}

// What is reachable from a manifest or an index of a root, as far as it is there.
void References::add_blobs(const Store& store, const Digest& manifest, int depth) {
    if (!blobs.insert(manifest).second && depth > 0) return;
    const auto text = store.blob_text(manifest);
    if (!text.ok() || depth > 4) return;
    if (const auto parsed = parse_manifest(*text); parsed.ok()) {
        blobs.insert(parsed->config.digest);
        for (const Descriptor& layer : parsed->layers) blobs.insert(layer.digest);
    } else if (const auto nested = parse_index(*text); nested.ok()) {
        for (const IndexRecord& record : nested->records) add_blobs(store, record.digest, depth + 1);
    }
}

void References::add(const Store& store, const Root& root) {
    for (const Digest& manifest : root.manifests) add_blobs(store, manifest, 0);
    blobs.insert(root.blobs.begin(), root.blobs.end());
    layers.insert(root.layers.begin(), root.layers.end());
}

void References::add_dependent(const Store& store, const std::vector<FoundRoot>& roots) {
    const std::set<Digest> before = blobs;
    for (const FoundRoot& found : roots) {
        if (!found.root.ok() || found.root->dependent_on.empty()) continue;
        const auto needed = [&](const Digest& digest) { return before.contains(digest); };
        if (std::ranges::any_of(found.root->dependent_on, needed))
            add(store, *found.root);
        else
            idle_roots.push_back(found.file);
    }
}

References references_of(const Store& store, const Index& index) {
    return references_of(store, index, read_roots(store.paths()));
}

References references_of(const Store& store, const Index& index, const Result<std::vector<FoundRoot>>& roots) {
    References references;
    for (const IndexRecord& record : index.records) references.add(store, record);
    if (!roots.ok()) {
        references.complete = false;
        return references;
    }
    for (const FoundRoot& found : *roots) {
        if (!found.root.ok())
            references.complete = false;
        else if (found.root->dependent_on.empty())
            references.add(store, *found.root);
    }
    references.add_dependent(store, *roots);
    return references;
}

Result<Sweep> Sweep::begin(const Store& store, const References& needed) {
    Sweep sweep(store, needed);
    if (needed.complete) sweep.lock_ = TRY(store.impl().lock_removal());
    return sweep;
}

void Sweep::remove_blob(const Digest& digest) {
    if (!allowed() || needed_->blobs.contains(digest)) return;
    const std::string path = store_->blob_path(digest);
    const std::uint64_t size = file_size(path);
    const auto done = unlink_file(path);
    if (done.ok()) bytes_ += size;
    error_.note(done);
}

void Sweep::remove_layer(const driver::LayerKey& key) {
    if (!allowed() || needed_->layers.contains(key)) return;
    const std::uint64_t size = store_->storage().layer_size(key).value_or(0);
    const auto done = store_->storage().layer_remove(key);
    if (done.ok()) {
        bytes_ += size;
        removed_layers_.insert(key);
    }
    error_.note(done);
}

void Sweep::remove_partial(const std::string& name) {
    if (!allowed()) return;
    const std::string path = store_->impl().partial_folder() + "/" + name;
    const std::uint64_t size = file_size(path);
    const auto done = unlink_file(path);
    if (done.ok()) bytes_ += size;
    error_.note(done);
}

void Sweep::remove_idle_roots() {
    if (!allowed()) return;
    for (const std::string& file : needed_->idle_roots) error_.note(unlink_file(file));
}

Result<Sweep::Orphans> Sweep::orphans(const Store& store, const References& needed) {
    Orphans orphans;
    TRY(find_blobs(store, needed, "sha256", orphans));
    TRY(find_blobs(store, needed, "sha512", orphans));
    for (const driver::LayerKey& key : TRY(store.storage().layer_list()))
        if (!needed.layers.contains(key)) orphans.layers.push_back(key);
    for (const std::string& name : TRY(os::list_dir(store.impl().partial_folder())))
        if (!locked(store.impl().partial_folder() + "/" + name)) orphans.partials.push_back(name);
    TRY(find_strays(store.impl().folder, orphans));
    const std::string roots = store.impl().folder + "/roots";
    for (const std::string& kind : TRY(os::list_dir(roots)))
        if (auto found = find_strays(roots + "/" + kind, orphans); !found.ok() && found.error().sys() != ENOTDIR)
            return found.error();
    return orphans;
}

void Sweep::remove(const Orphans& orphans) {
    for (const Digest& digest : orphans.blobs) remove_blob(digest);
    for (const driver::LayerKey& key : orphans.layers) remove_layer(key);
    for (const std::string& name : orphans.partials) remove_partial(name);
    if (!allowed()) return;
    remove_idle_roots();
    for (const std::string& path : orphans.strays) error_.note(unlink_file(path));
}

}  // namespace gantry::image
