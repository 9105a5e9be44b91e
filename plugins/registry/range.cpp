#include "range.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace gantry::registry {

std::variant<WholeRange, OutsideRange, Range> parse_range(std::string_view header, std::uint64_t size) {
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit)) return WholeRange{};
    header.remove_prefix(unit.size());
    const std::size_t dash = header.find('-');
    if (dash == header.npos || header.find(',') != header.npos) return WholeRange{};
    const auto last = whole_number(header.substr(dash + 1));
    if (dash == 0) {  // the last so many
        if (!last) return WholeRange{};
        if (*last == 0 || size == 0) return OutsideRange{};
        return Range{size - std::min(*last, size), size - 1};
    }
    const auto first = whole_number(header.substr(0, dash));
    const bool open = dash + 1 == header.size();
    if (!first || (!open && !last) || (last && *last < *first)) return WholeRange{};
    if (*first >= size) return OutsideRange{};
    return Range{*first, open ? size - 1 : std::min(*last, size - 1)};
}

std::optional<Range> parse_chunk_range(std::string_view header) {
    if (header.starts_with("bytes ")) header.remove_prefix(6);
    header = header.substr(0, header.find('/'));
    const std::size_t dash = header.find('-');
    if (dash == header.npos) return std::nullopt;
    const auto first = whole_number(header.substr(0, dash)), last = whole_number(header.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    return Range{*first, *last};
}

}  // namespace gantry::registry
