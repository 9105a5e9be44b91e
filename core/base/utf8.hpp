// Text for interfaces that take nothing but UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gantry {

// Bytes of the character that text begins with (RFC 3629: none that is longer than needed, no surrogate); 0 where there is
// none.
std::size_t character_size(std::string_view text);

// Its code point.
char32_t code_point(std::string_view character);

// The text with U+FFFD in place of every byte that belongs to no character: what is malformed, surrogates, noncharacters, and
// NUL, as D-Bus wants its strings.
std::string valid_utf8(std::string_view text);

}  // namespace gantry
