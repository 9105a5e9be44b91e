// The patterns of ${x#p}, ${x%p} and ${x/p/r}: '*' and '?', a backslash before one of them (or itself) makes it text; no
// brackets (Dockerfile reference, environment replacement). For the .cpp files of this folder only.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::dockerfile::detail {

// Tokens of the pattern times characters of the value that are worked through at most: above it is an error.
inline constexpr std::size_t pattern_work_limit = 1U << 20;

// The value without its shortest (longest: greedy) beginning or end that the pattern matches.
Result<std::string> cut_prefix(std::string_view value, std::string_view pattern, bool greedy);
Result<std::string> cut_suffix(std::string_view value, std::string_view pattern, bool greedy);
// The value with the first match (or all matches, from left to right, the longest each) replaced.
Result<std::string> replaced(std::string_view value, std::string_view pattern, std::string_view replacement, bool all);

}  // namespace gantry::dockerfile::detail
