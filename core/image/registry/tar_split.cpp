#include "image/registry/tar_split.hpp"

#include "base/base64.hpp"
#include "image/json.hpp"

#include <array>

namespace gantry::image::registry {

namespace {

constexpr std::array<std::uint64_t, 256> crc_table() {
    std::array<std::uint64_t, 256> table{};
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
        std::uint64_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xD800000000000000ULL : 0);
        table[byte] = crc;
    }
    return table;
}

}  // namespace

void Crc64::update(std::string_view data) {
    static constexpr auto table = crc_table();
    for (const char c : data)
        state_ = table[static_cast<unsigned char>(state_ ^ static_cast<unsigned char>(c))] ^ (state_ >> 8);
}

Result<std::unique_ptr<TarSplit>> TarSplit::create(int level) {
    auto split = std::make_unique<TarSplit>();
    const CompressedFn sink = [data = &split->data_](std::string_view bytes) {
        data->compressed += bytes;
        return Result<>();
    };
    split->compressor_ = TRY(make_compressor(Compression::zstd, level, sink, 1));
    return split;
}

Result<> TarSplit::entry(std::string line) {
    line += fmt::format("\"position\":{}}}\n", position_++);
    data_.plain_size += line.size();
    return compressor_->write(line);
}

Result<> TarSplit::raw(std::string_view bytes) {
    return entry(fmt::format(R"({{"type":{},"payload":"{}",)", static_cast<int>(segment_type), base64_encode(bytes)));
}

// A name that is no UTF-8 is given as bytes.
Result<> TarSplit::file(const std::string& name, std::uint64_t size, std::uint64_t crc) {
    const std::string plain = dump_json(Json(name));
    const bool valid = plain == Json(name).dump(-1, ' ', false, Json::error_handler_t::ignore);
    std::string line = fmt::format(R"({{"type":{},)", static_cast<int>(file_type));
    line += valid ? fmt::format(R"("name":{},)", plain) : fmt::format(R"("name_raw":"{}",)", base64_encode(name));
    if (size == 0) return entry(line + R"("payload":null,)");
    std::string sum;
    for (int shift = 56; shift >= 0; shift -= 8) sum += static_cast<char>(crc >> shift);
    return entry(line + fmt::format(R"("size":{},"payload":"{}",)", size, base64_encode(sum)));
}

Result<TarSplit::Data> TarSplit::end() {
    TRY(compressor_->end());
    return std::move(data_);
}

}  // namespace gantry::image::registry
