// The blobs of one image on their way out, several at once.
#pragma once

#include "image/registry/blob_upload.hpp"
#include "image/registry/layer_variant.hpp"
#include "image/registry/pull_layers.hpp"

namespace gantry::image::registry {

struct PushJob {
    VariantRequest layer;
    bool as_it_is = false;            // the source is sent; nothing is made of it
    std::vector<std::string> mounts;  // repositories of the registry that may have it
};

// What each job's layer is in the registry now, in the order of the jobs; the same layer twice is sent once. jobs: how many
// layers at once.
Result<std::vector<LayerVariant>> push_layers(Store& store, Repository& repository, const std::vector<PushJob>& layers,
                                              unsigned jobs, Reporter& reporter, StopSign& stop);

}  // namespace gantry::image::registry
