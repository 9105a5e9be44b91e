// The table of contents of a zstd:chunked layer (see chunked_writer.hpp), as a map of the blob: which of its bytes are which
// chunk of a file's data, which are the headers between them. Nothing here is believed further than a hint goes: who puts a
// blob together by it checks the blob's digest.
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"
#include "image/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::registry {

// Does the layer's descriptor say that its blob has a table?
bool is_chunked(const Descriptor& layer);

// Where the table is, as the layer's annotations say.
struct TablePlace {
    std::uint64_t offset = 0, size = 0, plain_size = 0;  // offset in the blob, behind the header of its skippable frame
    Digest checksum;                                     // of the compressed table
    // What tar-split keeps of the archive, behind the table; size 0: nothing that can be read.
    std::uint64_t split_offset = 0, split_size = 0, split_plain_size = 0;

    [[nodiscard]] std::uint64_t frame() const;  // where that header is: the end of the layer's own data
};

// Bytes, compressed and not: about 100,000 files. What is read of a table takes some five times as much.
inline constexpr std::uint64_t table_limit = 32U << 20;

// Nothing where the layer has no table. Errc::invalid: annotations that make no sense for a blob of this size;
// Errc::unsupported: a table of another kind, or a larger one than table_limit.
Result<std::optional<TablePlace>> table_place(const Descriptor& layer);

// A part of the blob. Parts of the same key have the same plain content, if the tables are right; compressed by the same
// program with the same level they are the same bytes. "": like no other.
struct BlobPart {
    std::uint64_t begin = 0, end = 0;
    bool data = false;  // a chunk of a file; else headers and padding
    std::string key;
    [[nodiscard]] std::uint64_t size() const { return end - begin; }
};

struct ListedFile {
    std::string path;    // as unpack_tree.hpp's clean_path()
    std::string digest;  // of its content
    std::uint64_t size = 0;
    bool has_links = false;  // the layer has hard links to it
};

struct ChunkedTable {
    std::vector<BlobPart> parts;  // in order, from 0 to TablePlace::frame() without a hole
    std::vector<ListedFile> files;
};

// The table's JSON. compressed: the bytes at the place. Errc::corrupt: not those of the checksum; Errc::invalid: of another
// size than the annotation says.
Result<std::string> table_text(std::string_view compressed, const TablePlace& place);
// frame: where the last part ends. Errc::invalid names what is wrong in it; Errc::unsupported: of a version that is not known.
Result<ChunkedTable> parse_table(std::string_view json, std::uint64_t frame);
// What the parts that are no data have, not compressed, in their order. compressed: tar-split's bytes at the place.
Result<std::vector<std::string>> read_headers(std::string_view compressed, const TablePlace& place);

}  // namespace gantry::image::registry
