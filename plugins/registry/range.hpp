// Ranges of bytes, in both directions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace gantry::registry {

struct Range {
    std::uint64_t first = 0, last = 0;  // both inclusive
    bool operator==(const Range&) const = default;
};

// A Range header of a blob of that size (RFC 9110, 14.2). whole: there is none, or one that may be ignored (another unit,
// several ranges, not well formed); outside: it can not be satisfied.
struct WholeRange {};
struct OutsideRange {};
std::variant<WholeRange, OutsideRange, Range> parse_range(std::string_view header, std::uint64_t size);

// The Content-Range of a chunk: "0-1023" as distribution-spec writes it; RFC 9110's "bytes 0-1023/2048" too.
std::optional<Range> parse_chunk_range(std::string_view header);

}  // namespace gantry::registry
