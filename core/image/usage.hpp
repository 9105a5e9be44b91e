// What `gantry history`, `gantry images` and `gantry system df` tell about sizes.
#pragma once

#include "image/store.hpp"

#include <set>

namespace gantry::image {

struct HistoryLine {
    std::string id;       // "sha256:..." for the image itself (the first line), else "<missing>", as Docker prints
    std::string created;  // RFC 3339
    std::string created_by, comment;
    std::uint64_t size = 0;  // bytes of the layer's files; 0 for an instruction that made none
};

// Newest first. Layers that the configuration's history does not tell of get lines of their own.
Result<std::vector<HistoryLine>> history(const Store& store, const Image& image);

struct ImageUsage {
    Image image;
    std::uint64_t shared = 0;  // bytes of its layers that other images or roots (build cache, registry) have too
    std::uint64_t unique = 0;  // bytes that removing it would free
};

struct StoreUsage {
    std::vector<ImageUsage> images;
    std::uint64_t layers = 0;       // bytes of the images' unpacked layers, each counted once
    std::uint64_t reclaimable = 0;  // of them: those that no used image and no root has
    std::uint64_t blobs = 0;        // bytes of the compressed blobs, manifests and configurations, and partial ones
};

// used: ids of images that containers have.
Result<StoreUsage> usage(const Store& store, const std::set<Digest>& used);

}  // namespace gantry::image
