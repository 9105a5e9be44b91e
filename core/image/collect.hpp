// The collector of images: what goes first when the disk is filling.
#pragma once

#include "image/build_cache.hpp"

namespace gantry::image {

// When an image was last of use, in seconds since 1970: the time of modification of its manifest's blob. It is when it was
// pulled, built, loaded or named last, a build started from it, or the last container that had it was removed; starts of
// containers write nothing, because an image that a definition names is in use whatever its time.
std::int64_t last_used(const Store& store, const Image& image);
void mark_used(const Store& store, const Image& image);

// Removes these images, but none of in_use.
Result<Store::Pruned> discard(Store& store, const std::vector<Digest>& ids, const std::vector<Digest>& in_use);
// Removes these entries of the build cache (a mount that a step is using stays), then what only they needed.
Result<CachePruned> discard(Store& store, const std::vector<CacheEntry>& entries);

struct CollectOptions {
    unsigned high = 85, low = 80;   // per cent of the disk: nothing happens below high, it ends below low
    std::int64_t unused_since = 0;  // seconds since 1970: only what was of no use since
    std::uint64_t keep_cache = 0;   // bytes of build cache that stay
    bool dry_run = false;
    // Bytes that have to go until no more than so many per cent of the disk are used; 0 if that is so.
    std::function<Result<std::uint64_t>(unsigned percent)> excess;
    // Images that are not to be touched; asked again before every removal.
    std::function<Result<std::vector<Digest>>()> in_use;
};

struct Collected {
    struct Item {
        std::string kind;  // "build cache", "image"
        std::string id, name;
        std::int64_t used = 0;
        std::uint64_t bytes = 0;  // at most so many are free without it
    };
    std::vector<Item> items;    // in the order of their removal
    std::uint64_t bytes = 0;    // that were freed; of a dry run the sum of the items'
    std::uint64_t missing = 0;  // bytes that are still too many
    bool transfer = false;      // it ended because images are being pulled, loaded or built
};

// Until the disk is below `low`: build cache that no image shares, then images without a name, then images; of each the longest
// unused first.
Result<Collected> collect(Store& store, const CollectOptions& options);

}  // namespace gantry::image
