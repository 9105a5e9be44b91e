// The extended headers of pax archives (POSIX.1-2001 "pax Interchange Format") and what GNU tar, star and libarchive put there.
#pragma once

#include "image/tar_reader.hpp"

namespace gantry::image {

using PaxRecords = std::vector<std::pair<std::string, std::string>>;

// "LENGTH KEY=VALUE\n" again and again.
Result<PaxRecords> parse_pax(std::string_view text);

// path, linkpath, size, mode-less metadata, times and xattrs onto the entry. GNU.sparse.* is read by apply_pax_sparse.
Result<> apply_pax(const PaxRecords& records, TarEntry& entry);

struct PaxSparse {
    bool present = false;
    bool map_in_data = false;  // version 1.0: the map is the first part of the data
    std::optional<std::uint64_t> real_size;
    std::optional<std::string> name;
    std::vector<SparseRun> runs;  // versions 0.0 and 0.1
};
Result<PaxSparse> parse_pax_sparse(const PaxRecords& records);

// Runs in order, not overlapping, within the file, as many bytes as are stored.
Result<> check_sparse(const TarEntry& entry);

inline constexpr std::size_t sparse_run_limit = 1U << 20;

// A number of decimal digits and nothing else.
Result<std::uint64_t> parse_decimal(std::string_view text, std::string_view what);

}  // namespace gantry::image
