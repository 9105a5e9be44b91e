// rmi and prune. index.json changes first, files go afterwards: a crash in between leaves files that nobody names, which the
// next prune or check finds.
#include "image/filters.hpp"
#include "image/collect.hpp"
#include "image/hasher.hpp"
#include "image/references.hpp"
#include "image/store_impl.hpp"

namespace gantry::image {

namespace {

std::string familiar(const std::string& name) {
    const auto ref = ImageRef::parse(name);
    return ref.ok() ? ref->familiar() : name;
}

std::string repository_of(const std::string& name) {
    const auto ref = ImageRef::parse(name);
    return ref.ok() ? ref->repository() : name;
}

bool one_repository(const std::vector<std::string>& names) {
    return std::ranges::all_of(names, [&](const std::string& name) { return repository_of(name) == repository_of(names[0]); });
}

// Records of an image: manifests with its configuration.
std::vector<IndexRecord> take_records(const Store& store, Index& index, const Digest& id) {
    std::vector<IndexRecord> taken;
    std::erase_if(index.records, [&](const IndexRecord& record) {
        const auto image = image_of(store, record);
        if (!image || image->id != id) return false;
        taken.push_back(record);
        return true;
    });
    return taken;
}

struct Removal {
    std::vector<std::string> lines;
    std::vector<IndexRecord> records;
    std::vector<Image> images;
};

// Takes the image out of the index and says what Docker says of it.
void take_image(const Store& store, Index& index, const Image& image, Removal& removal) {
    for (const std::string& name : image.names) removal.lines.push_back("Untagged: " + familiar(name));
    for (const std::string& name : image.digests) removal.lines.push_back("Untagged: " + familiar(name));
    removal.lines.push_back("Deleted: " + image.id.str());
    for (IndexRecord& record : take_records(store, index, image.id)) removal.records.push_back(std::move(record));
    removal.images.push_back(image);
}

// Docker names a layer by its chain ID, top first.
void tell_layers(const Store& store, const std::vector<ImageConfig>& configs, const std::set<driver::LayerKey>& removed,
                 std::vector<std::string>& lines) {
    for (const ImageConfig& config : configs) {
        const auto keys = store.layer_keys(config);
        std::vector<std::string> chains;
        for (const Digest& diff_id : config.diff_ids)
            chains.push_back(chains.empty() ? diff_id.str() : digest_of(chains.back() + " " + diff_id.str()).str());
        for (std::size_t at = keys.size(); at-- > 0;)
            if (removed.contains(keys[at])) lines.push_back("Deleted: " + chains[at]);
    }
}

// Writes the index without the records, then removes what only they needed.
Result<std::uint64_t> carry_out(const Store& store, const Index& index, Removal& removal, bool with_orphans) {
    References gone;
    for (const IndexRecord& record : removal.records) gone.add(store, record);
    std::vector<ImageConfig> configs;
    for (const Image& image : removal.images)
        if (auto config = store.config(image); config.ok()) configs.push_back(std::move(config).value());
    if (!removal.records.empty()) TRY(write_index(store.impl().folder, index));

    const auto roots = read_roots(store.paths());
    if (roots.ok()) gone.add_dependent(store, *roots);
    const References needed = references_of(store, index, roots);
    Sweep sweep = TRY(Sweep::begin(store, needed));
    if (!with_orphans) sweep.remove_idle_roots();  // they are among the orphans
    for (const driver::LayerKey& key : gone.layers) sweep.remove_layer(key);
    for (const Digest& digest : gone.blobs) sweep.remove_blob(digest);
    if (with_orphans && sweep.allowed()) sweep.remove(TRY(Sweep::orphans(store, needed)));
    tell_layers(store, configs, sweep.removed_layers(), removal.lines);
    TRY_CONTEXT(sweep.result(), "the image is removed, but not all of its files");
    return sweep.bytes();
}

Error in_use(const Image& image, std::string_view text) {
    return error(Errc::in_use, "image '{}' ({}) is used by a container", text, image.id.hex().substr(0, 12));
}

void drop_reference(Index& index, const std::string& name, const std::string& digest) {
    for (IndexRecord& record : index.records) {
        std::erase(record.names, name);
        std::erase(record.digests, digest);
    }
}

void drop_all_names(const Store& store, Index& index, const Image& image, std::vector<std::string>& lines) {
    for (IndexRecord& record : index.records) {
        const auto other = image_of(store, record);
        if (!other || other->id != image.id) continue;
        for (const std::string& name : record.names) lines.push_back("Untagged: " + familiar(name));
        record.names.clear();
    }
}

}  // namespace

Result<std::uint64_t> Store::sweep() {
    const os::Fd lock = TRY(impl_->lock_index());
    Removal nothing;
    return carry_out(*this, TRY(read_index(impl_->folder)), nothing, true);
}

Result<std::vector<std::string>> Store::remove(std::string_view text, const std::vector<Digest>& users, bool force) {
    const os::Fd lock = TRY(impl_->lock_index());
    Index index = TRY(read_index(impl_->folder));
    const Match match = TRY(match_image(images_of(*this, index), text));
    const Image& image = match.image;
    const bool used = std::ranges::find(users, image.id) != users.end();
    const bool by_id = match.name.empty() && match.digest.empty();

    // A name (or digest) among several: only it goes.
    const bool last =
        by_id || (!match.name.empty() ? image.names.size() == 1 : image.names.empty() && image.digests.size() == 1);
    if (!last) {
        drop_reference(index, match.name, match.digest);
        TRY(write_index(impl_->folder, index));
        return std::vector<std::string>{"Untagged: " + familiar(match.name.empty() ? match.digest : match.name)};
    }
    if (by_id && !force && image.names.size() > 1 && !one_repository(image.names))
        return error(Errc::in_use, "image '{}' has names in several repositories; remove them one by one, or use force", text);
    if (used && !force) return in_use(image, text);
    if (used) {
        // The containers go on to need its layers: the names go, the image stays without one until they are gone.
        std::vector<std::string> lines;
        drop_all_names(*this, index, image, lines);
        if (!lines.empty()) TRY(write_index(impl_->folder, index));
        return lines;
    }
    Removal removal;
    take_image(*this, index, image, removal);
    TRY(carry_out(*this, index, removal, false));
    return removal.lines;
}

Result<Store::Pruned> Store::prune(bool all, const std::vector<Digest>& users,
                                   const std::map<std::string, std::string>& filters) {
    const PruneFilter filter = TRY(PruneFilter::parse(filters));
    const bool named_too = filter.dangling ? !*filter.dangling : all;
    const os::Fd lock = TRY(impl_->lock_index());
    Index index = TRY(read_index(impl_->folder));
    Removal removal;
    for (const Image& image : images_of(*this, index)) {
        if (!image.names.empty() && !named_too) continue;
        if (std::ranges::find(users, image.id) != users.end() || !filter.takes(*this, image)) continue;
        take_image(*this, index, image, removal);
    }
    Pruned pruned;
    pruned.bytes = TRY(carry_out(*this, index, removal, filters.empty()));
    pruned.lines = std::move(removal.lines);
    for (std::string& line : pruned.lines)
        line[0] = static_cast<char>(line[0] | 0x20);  // `docker image prune` writes them small
    return pruned;
}

Result<> drop_blobs(const Store& store, const std::vector<Digest>& blobs) {
    const os::Fd lock = TRY(store.impl().lock_index());
    const References needed = references_of(store, TRY(read_index(store.impl().folder)));
    Sweep sweep = TRY(Sweep::begin(store, needed));
    for (const Digest& digest : blobs) sweep.remove_blob(digest);
    return sweep.result();
}

Result<Store::Pruned> discard(Store& store, const std::vector<Digest>& ids, const std::vector<Digest>& in_use) {
    const os::Fd lock = TRY(store.impl().lock_index());
    Index index = TRY(read_index(store.impl().folder));
    Removal removal;
    for (const Image& image : images_of(store, index))
        if (std::ranges::find(ids, image.id) != ids.end() && std::ranges::find(in_use, image.id) == in_use.end())
            take_image(store, index, image, removal);
    Store::Pruned pruned;
    pruned.bytes = TRY(carry_out(store, index, removal, true));
    pruned.lines = std::move(removal.lines);
    return pruned;
}

}  // namespace gantry::image
