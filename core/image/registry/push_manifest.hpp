// The manifest that goes to the registry: the stored one with other layers.
#pragma once

#include "image/registry/layer_variant.hpp"

#include <optional>

namespace gantry::image::registry {

struct ReplacedLayer {
    LayerVariant variant;
    LayerEncoding encoding;
};

struct OutgoingManifest {
    std::string text, media_type;
};

// replaced: one for each layer; nothing where it stays. Everything else of the text is kept. Docker's schema 2 knows no zstd:
// with such a layer it becomes an OCI manifest.
Result<OutgoingManifest> replace_layers(std::string_view text, const std::vector<std::optional<ReplacedLayer>>& replaced);

}  // namespace gantry::image::registry
