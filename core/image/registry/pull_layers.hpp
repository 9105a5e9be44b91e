// The layers of one image, several at once.
#pragma once

#include "image/registry/blob_source.hpp"
#include "image/registry/parallel.hpp"

namespace gantry::image::registry {

struct LayerJob {
    Descriptor blob;
    Digest diff_id;
    driver::LayerKey key, parent;
};

// repository: the image's, by the name that the store knows it by. sources: repositories to get blobs from, the preferred one
// first. jobs: how many layers at once. Of layers with a table of contents (zstd:chunked) only what no layer here has is
// fetched, where that pays. The caller has Store::hold().
Result<> pull_layers(Store& store, const std::string& repository, const std::vector<Repository*>& sources,
                     const std::vector<LayerJob>& layers, unsigned jobs, Reporter& reporter, StopSign& stop);

}  // namespace gantry::image::registry
