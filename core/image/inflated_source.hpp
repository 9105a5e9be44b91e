// The plain bytes of a stream that may be compressed, told apart by its first bytes (decompress.hpp); a pipe may give them one
// by one.
#pragma once

#include "image/byte_source.hpp"
#include "image/decompress.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gantry::image {

class InflatedSource final : public ByteSource {
public:
    // packed outlives it and is read no further than its plain bytes are asked for.
    explicit InflatedSource(ByteSource& packed);
    Result<std::string_view> peek() override;
    void consume(std::size_t count) override { at_ += count; }

    // After the last byte: an error if the stream is not complete, or was empty.
    Result<> end();

private:
    Result<> open();
    Result<> fill();

    ByteSource& packed_;
    std::string head_;  // of packed, taken to look at
    std::unique_ptr<Decompressor> decompressor_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
    bool ended_ = false;
};

}  // namespace gantry::image
