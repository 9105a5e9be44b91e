// A streaming reader of tar archives: ustar, pax (POSIX.1-2001), GNU (long names, old sparse files, base-256 numbers) and v7.
//
// Why not libarchive: the layer formats need what it hides or does otherwise (every pax record as it stands, xattrs of both
// namespaces, sparse maps of all four kinds, Go's rules for entries without data, which decide what Docker would unpack), a
// bound on each hostile length, and data handed to write(2) from the buffer it was inflated into. Its own reader copies once
// more and its disk writer resolves every path from the root. What is left to write is the format itself, which is this file
// and pax.cpp.
#pragma once

#include "image/byte_source.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace gantry::image {

enum class TarType { file, hard_link, symbolic_link, character, block, folder, fifo };

struct TarTime {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
};

struct SparseRun {
    std::uint64_t offset = 0, size = 0;
};

struct TarEntry {
    TarType type = TarType::file;
    std::string path, link;  // as stored, not cleaned
    std::uint32_t mode = 0;  // permission and set-id bits
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t major = 0, minor = 0;
    TarTime modified;
    std::optional<TarTime> accessed, changed;  // where a pax header says them
    std::uint64_t size = 0;                    // of the file
    std::uint64_t stored = 0;                  // bytes of data() that follow
    bool sparse = false;                       // the data are those of runs, in order; the rest are holes
    std::vector<SparseRun> runs;
    std::map<std::string, std::string> xattrs;
};

class TarReader {
public:
    explicit TarReader(ByteSource& source) : source_(source) {}

    // The next entry, over what is left of the one before; nothing at the end of the archive.
    Result<std::optional<TarEntry>> next();
    // The entry's data, piece by piece; empty at its end. A piece is valid until the next call.
    Result<std::string_view> data();

private:
    using Block = std::array<char, 512>;
    using Records = std::vector<std::pair<std::string, std::string>>;

    Result<bool> read_header(Block& block);
    Result<> take_extension(const Block& block);
    Result<TarEntry> entry_of(const Block& block);
    Result<> take_old_gnu_sparse(const Block& block, TarEntry& entry);
    Result<> take_pax_sparse(TarEntry& entry);
    Result<std::string> read_text(std::uint64_t size);
    Result<> skip_entry();

    ByteSource& source_;
    std::uint64_t left_ = 0;                            // of the entry's data
    std::uint64_t padding_ = 0;                         // after it
    std::size_t given_ = 0;                             // of the piece data() returned last
    std::optional<std::string> long_path_, long_link_;  // of GNU 'L' and 'K'
    std::optional<Records> pax_;                        // of 'x'
};

}  // namespace gantry::image
