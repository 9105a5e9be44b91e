// zstd:chunked: a layer as zstd frames, each file's data (and each piece of a large file) in frames of their own, with a table
// of contents behind them that a reader who wants only some of the files fetches first. To every other reader it is plain zstd:
// the table is in skippable frames. Format: containers/storage, docs/containers-storage-zstd-chunked.md and pkg/chunked.
#pragma once

#include "image/byte_source.hpp"
#include "image/compress.hpp"

#include <map>

namespace gantry::image::registry {

inline constexpr const char* chunked_checksum_annotation = "io.github.containers.zstd-chunked.manifest-checksum";
inline constexpr const char* chunked_position_annotation = "io.github.containers.zstd-chunked.manifest-position";
inline constexpr const char* chunked_tarsplit_annotation = "io.github.containers.zstd-chunked.tarsplit-position";
// What containers/storage called the first two before 2023 (podman 4.3, of Debian 12, looks for nothing else); written too.
inline constexpr const char* old_chunked_checksum_annotation = "io.containers.zstd-chunked.manifest-checksum";
inline constexpr const char* old_chunked_position_annotation = "io.containers.zstd-chunked.manifest-position";

inline constexpr std::uint64_t skippable_header = 8;  // RFC 8878 3.1.2: magic number and size
inline constexpr std::uint64_t table_type = 1;        // a table like that of CRFS

// The tar stream, compressed, into the sink. Returns the annotations of the layer's descriptor; none where the archive has
// entries that the table cannot tell of (sparse files): the layer is plain zstd then. Large files are cut where their content
// says so (bup's rolling checksum over 64 bytes, 64 KiB on average, as containers/storage cuts them), so that an insertion
// moves no other cut. Memory: the table of contents.
Result<std::map<std::string, std::string>> write_chunked(ByteSource& tar, int level, const CompressedFn& sink);

}  // namespace gantry::image::registry
