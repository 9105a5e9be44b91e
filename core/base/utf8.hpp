// Text for interfaces that take nothing but UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace gantry {

// The text with U+FFFD in place of every byte that belongs to no character: what is malformed, surrogates, noncharacters, and
// NUL, as D-Bus wants its strings.
std::string valid_utf8(std::string_view text);

}  // namespace gantry
