// A layer's blob in another compression than the store has it, for a registry. It is made once: the result is a blob of the
// store beside the first, and a root of kind "push" (roots.hpp) remembers it by the layer's diff ID, so that the layer has the
// same digest in every push. The root is in force while the blob that it was made of is needed.
#pragma once

#include "image/compress.hpp"
#include "image/store.hpp"

#include <functional>

namespace gantry::image::registry {

enum class LayerEncoding { gzip, zstd, zstd_chunked };
// "gzip", "zstd", "zstd:chunked"; Errc::invalid for another.
Result<LayerEncoding> parse_layer_encoding(std::string_view text);

struct LayerVariant {
    Digest digest;
    std::uint64_t size = 0;
    std::map<std::string, std::string> annotations;  // of its descriptor, what readers of zstd:chunked look for
};

struct VariantRequest {
    Descriptor source;  // in the store, compressed or not
    Digest diff_id;
    LayerEncoding encoding = LayerEncoding::gzip;
    int level = 0;                                                       // 0: the default, see compress.hpp
    std::function<void(std::uint64_t)> progress = [](std::uint64_t) {};  // bytes of the source that are done
    std::function<bool()> cancelled = [] { return false; };
};

// What was made before and is still there.
std::optional<LayerVariant> find_variant(const Store& store, const VariantRequest& request);
// Finds or makes it. The caller has Store::hold(). Waits while another process makes the same. Errc::corrupt where the source
// is not what diff_id says.
Result<LayerVariant> make_variant(Store& store, const VariantRequest& request);

}  // namespace gantry::image::registry
