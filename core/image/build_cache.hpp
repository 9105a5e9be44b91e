// Results of a build's steps, by what they were made of: the key is a digest of the step, of everything that it reads and of
// the key of the step before. Each result is a root of the image store (image/roots.hpp) of kind "build":
// <images>/roots/build/KEY.json, whose time of modification tells when it was last of use.
#pragma once

#include "image/store.hpp"

namespace gantry::image {

struct CachedStep {
    std::string step;     // "RUN make", as history has it
    std::string created;  // RFC 3339
    // The layer; nothing where the step changed no file, or made none because it only changes the configuration.
    struct Layer {
        Descriptor blob;
        driver::LayerKey key;
        Digest diff_id;
        std::uint64_t size = 0;
    };
    std::optional<Layer> layer;
};

Digest chained(const Digest& parent, std::string_view text);

// The caller has Store::hold() from before find() until the image is named.
class BuildCache {
public:
    explicit BuildCache(const Store& store) : store_(store) {}

    // Nothing where there is none, or where its layer is gone.
    std::optional<CachedStep> find(const Digest& key) const;
    // True where another layer was known by that key (of a build without cache): nobody may need that one any more.
    Result<bool> put(const Digest& key, const CachedStep& step) const;

    // Small facts that follow from immutable inputs, by the digest of these; kept beside the steps and pruned with them.
    std::optional<Digest> fact(const Digest& key) const;
    Result<> put_fact(const Digest& key, const Digest& value) const;

private:
    const Store& store_;
};

// `gantry system df`, `gantry builder prune`. Besides steps there are the folders of RUN --mount=type=cache, in
// <data>/build/mounts.
struct CacheEntry {
    std::string id;  // of a step: its key's hexadecimal digits; of a mount: its folder's name
    std::string step;
    bool mount = false;
    std::int64_t created = 0, used = 0;  // seconds since 1970
    std::uint64_t size = 0;              // bytes of its layer, or of the folder
    bool shared = false;                 // its layer is also an image's
};
Result<std::vector<CacheEntry>> list_cache(const Store& store);

struct CachePrune {
    bool all = false;  // also steps that images share, and cache mounts; else only steps that no image has
    std::optional<std::int64_t> unused_since;  // seconds since 1970: only entries not used since
    std::uint64_t keep = 0;                    // bytes that may stay: the oldest go first
};
struct CachePruned {
    std::vector<std::string> ids;
    std::uint64_t bytes = 0;
};
// Removes the entries, then what only they needed. Waits for no build: entries that one uses now may go and are made again.
Result<CachePruned> prune_cache(Store& store, const CachePrune& options);

}  // namespace gantry::image
