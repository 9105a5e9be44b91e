// Decompression of layers and archives, told apart by their first bytes as Docker does: media types of real images lie.
#pragma once

#include "base/result.hpp"

#include <memory>
#include <string_view>

namespace gantry::image {

enum class Compression { none, gzip, zstd, unsupported };  // unsupported: bzip2, xz

// From the first bytes of a stream; 6 are enough, with fewer the answer is `none`.
Compression compression_of(std::string_view head);

class Decompressor {
public:
    virtual ~Decompressor() = default;

    struct Step {
        std::size_t consumed = 0, produced = 0;
    };
    // Takes from input, fills output. Both counts zero means that more input is needed.
    virtual Result<Step> run(std::string_view input, char* output, std::size_t room) = 0;
    // After the last input: an error if the stream is not complete.
    virtual Result<> end() = 0;
};

// Errc::unsupported for formats that layers may not have (OCI image-spec layer.md names tar, gzip and zstd only).
Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression);

}  // namespace gantry::image
