// Manifests and image configurations: both are JSON from a registry that may lie.
#include "fuzz.hpp"

#include "image/store.hpp"

using namespace gantry;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto manifest = image::parse_manifest(fuzz::text(data, size))) {
        fuzz::require(manifest->layers.size() <= 512, "layers are bounded");
    } else {
        fuzz::require(manifest.error().message().find('\n') == std::string::npos, "an error is one line");
    }
    if (const auto config = image::parse_image_config(fuzz::text(data, size))) {
        fuzz::require(config->diff_ids.size() <= 512, "layers are bounded");
    } else {
        fuzz::require(config.error().message().find('\n') == std::string::npos, "an error is one line");
    }
    return 0;
}
