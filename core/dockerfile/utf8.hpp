// Text as characters of UTF-8; a byte that belongs to none is one of its own. For the .cpp files of this folder only.
#pragma once

#include "base/utf8.hpp"

#include <algorithm>
#include <vector>

namespace gantry::dockerfile::detail {

inline std::string_view first_character(std::string_view text) {
    return text.substr(0, std::max<std::size_t>(character_size(text), 1));
}

inline std::vector<std::string_view> characters_of(std::string_view text) {
    std::vector<std::string_view> characters;
    while (!text.empty()) {
        characters.push_back(first_character(text));
        text.remove_prefix(characters.back().size());
    }
    return characters;
}

// Its code point; of a stray byte a value above all code points.
inline char32_t point_of(std::string_view character) {
    const char32_t point = code_point(character);
    return character.size() == 1 && point >= 0x80 ? 0x110000U + point : point;
}

}  // namespace gantry::dockerfile::detail
