// Results of a build's steps, by what they were made of: the key is a digest of the step, of everything that it reads and of the key
// of the step before. Each result is a root of the image store (image/roots.hpp) of kind "build": <images>/roots/build/KEY.json,
// whose time of modification tells when it was last of use.
#pragma once

#include "image/store.hpp"

namespace gantry::build {

struct CachedStep {
    std::string step;     // "RUN make", as history has it
    std::string created;  // RFC 3339
    // The layer; nothing where the step changed no file, or made none because it only changes the configuration.
    struct Layer {
        image::Descriptor blob;
        driver::LayerKey key;
        Digest diff_id;
        std::uint64_t size = 0;
    };
    std::optional<Layer> layer;
};

Digest chained(const Digest& parent, std::string_view text);

// The caller has Store::hold() from before find() until the image is named.
class Cache {
public:
    explicit Cache(const image::Store& store) : store_(store) {}

    // Nothing where there is none, or where its layer is gone.
    std::optional<CachedStep> find(const Digest& key) const;
    Result<> put(const Digest& key, const CachedStep& step) const;

    // Small facts that follow from immutable inputs, by the digest of these; kept beside the steps and pruned with them.
    std::optional<Digest> fact(const Digest& key) const;
    Result<> put_fact(const Digest& key, const Digest& value) const;

private:
    const image::Store& store_;
};

// `gantry system df`, `gantry builder prune`.
struct CacheEntry {
    Digest key;
    std::string step;
    std::int64_t created = 0, used = 0;  // seconds since 1970
    std::uint64_t size = 0;              // bytes of its layer
    bool shared = false;                 // its layer is also an image's
};
Result<std::vector<CacheEntry>> list_cache(const image::Store& store);

struct CachePrune {
    bool all = false;                    // also what images share; else only what no image has
    std::optional<std::int64_t> unused_since;  // seconds since 1970: only entries not used since
    std::uint64_t keep = 0;              // bytes that may stay: the oldest go first
};
struct CachePruned {
    std::vector<Digest> keys;
    std::uint64_t bytes = 0;
};
// Removes the entries, then what only they needed. Waits for no build: entries that one uses now may go and are made again.
Result<CachePruned> prune_cache(image::Store& store, const CachePrune& options);

}  // namespace gantry::build
