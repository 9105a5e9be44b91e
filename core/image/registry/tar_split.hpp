// What is left of a tar archive without its files' data, as vbatts/tar-split (tar/storage) writes it: with the files it gives
// the archive back, byte for byte.
#pragma once

#include "image/compress.hpp"

namespace gantry::image::registry {

// CRC-64 of ISO 3309, as Go's hash/crc64 has it.
class Crc64 {
public:
    void update(std::string_view data);
    [[nodiscard]] std::uint64_t value() const { return ~state_; }

private:
    std::uint64_t state_ = ~std::uint64_t{0};
};

class TarSplit {
public:
    enum EntryType { file_type = 1, segment_type = 2 };  // of a line (tar/storage/entry.go)

    static Result<std::unique_ptr<TarSplit>> create(int level);

    // In the order of the archive: bytes that are no file's data, and a file (of any kind) with the size and sum of its data.
    Result<> raw(std::string_view bytes);
    Result<> file(const std::string& name, std::uint64_t size, std::uint64_t crc);

    struct Data {
        std::string compressed;
        std::uint64_t plain_size = 0;
    };
    Result<Data> end();

private:
    Result<> entry(std::string line);

    Data data_;
    std::uint64_t position_ = 0;
    std::unique_ptr<Compressor> compressor_;
};

}  // namespace gantry::image::registry
