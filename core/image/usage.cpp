#include "image/usage.hpp"

#include "image/references.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <sys/stat.h>

namespace gantry::image {

namespace {

Result<std::uint64_t> folder_bytes(const std::string& folder) {
    std::uint64_t sum = 0;
    for (const std::string& name : TRY(os::list_dir(folder))) {
        struct stat info {};
        if (stat((folder + "/" + name).c_str(), &info) == 0) sum += static_cast<std::uint64_t>(info.st_size);
    }
    return sum;
}

}  // namespace

Result<std::vector<HistoryLine>> history(const Store& store, const Image& image) {
    const ImageConfig config = TRY(store.config(image));
    std::vector<std::uint64_t> sizes;
    for (const driver::LayerKey& key : store.layer_keys(config)) sizes.push_back(store.storage().layer_size(key).value_or(0));
    std::vector<HistoryLine> lines;
    std::size_t layer = 0;
    for (const HistoryEntry& entry : config.history) {
        const bool has_layer = !entry.empty_layer && layer < sizes.size();
        lines.push_back({"<missing>", entry.created, entry.created_by, entry.comment, has_layer ? sizes[layer] : 0});
        if (has_layer) ++layer;
    }
    for (; layer < sizes.size(); ++layer) lines.push_back({"<missing>", config.created, "", "", sizes[layer]});
    std::ranges::reverse(lines);
    if (!lines.empty()) lines[0].id = image.id.str();
    return lines;
}

Result<StoreUsage> usage(const Store& store, const std::set<Digest>& used) {
    StoreUsage total;
    std::map<driver::LayerKey, int> owners;
    std::set<driver::LayerKey> needed;
    std::vector<std::set<driver::LayerKey>> keys_of_image;
    for (Image& image : TRY(store.list())) {
        std::set<driver::LayerKey> keys;
        if (const auto config = store.config(image); config.ok())
            for (driver::LayerKey& key : store.layer_keys(*config)) keys.insert(std::move(key));
        for (const driver::LayerKey& key : keys) ++owners[key];
        if (used.contains(image.id)) needed.insert(keys.begin(), keys.end());
        keys_of_image.push_back(std::move(keys));
        total.images.push_back({std::move(image), 0, 0});
    }
    // What build cache and registry keep stays when an image goes, and is none of the images' where no image has it.
    std::set<driver::LayerKey> rooted;
    for (const FoundRoot& found : TRY(read_roots(store.paths())))
        if (found.root.ok()) rooted.insert(found.root->layers.begin(), found.root->layers.end());
    std::map<driver::LayerKey, std::uint64_t> sizes;
    for (const driver::LayerKey& key : TRY(store.storage().layer_list())) {
        sizes[key] = store.storage().layer_size(key).value_or(0);
        if (!owners.contains(key)) continue;
        total.layers += sizes[key];
        if (!needed.contains(key) && !rooted.contains(key)) total.reclaimable += sizes[key];
    }
    for (std::size_t at = 0; at < total.images.size(); ++at)
        for (const driver::LayerKey& key : keys_of_image[at])
            (owners[key] > 1 || rooted.contains(key) ? total.images[at].shared : total.images[at].unique) += sizes[key];
    for (const std::string& folder :
         {store.impl().blob_folder("sha256"), store.impl().blob_folder("sha512"), store.impl().partial_folder()})
        total.blobs += TRY(folder_bytes(folder));
    return total;
}

}  // namespace gantry::image
