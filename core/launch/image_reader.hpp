// An image's configuration from the store's files, without the store: no hashing, no lock, no library besides JSON. What is in
// the store was verified when it came in, and only root can write there.
#pragma once

#include "config/engine.hpp"
#include "image/store.hpp"

namespace gantry::launch {

struct FoundImage {
    Digest id;
    image::ImageConfig config;
};

// image_id: "sha256:..." or empty; then name is looked up in index.json.
Result<FoundImage> find_image(const config::Paths& paths, const std::string& name, const std::string& image_id);

// Keys for the storage driver, lowest first; Errc::unsupported for a format whose keys are not the diff ids.
Result<std::vector<driver::LayerKey>> layer_keys(const image::ImageConfig& config, driver::LayerFormat format);

}  // namespace gantry::launch
