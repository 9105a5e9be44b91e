// Texts in parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry {

// "a,,b" is "a", "", "b"; an empty text is one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

// At the first one; without any, the whole text and nothing.
std::pair<std::string, std::string> split_once(const std::string& text, char separator);

// "a=b,c" is {a, b}, {c, ""}: options in one word, as Docker's flags have them.
std::vector<std::pair<std::string, std::string>> split_fields(const std::string& text);

// Of decimal digits alone, and not too large.
std::optional<std::uint64_t> whole_number(std::string_view text);

// What follows the last slash.
std::string base_name(const std::string& path);

// RFC 3339 in UTC, with so many digits of the second's fraction: "2026-11-23T20:00:00.000000Z".
std::string rfc3339(std::int64_t unix_seconds, std::uint32_t nanoseconds = 0, int digits = 0);

}  // namespace gantry
