// Characters of UTF-8 text; a byte that belongs to none is one of its own. For the .cpp files of this folder only.
#pragma once

#include <string_view>
#include <vector>

namespace gantry::dockerfile::detail {

// Bytes of the character that text, which is not empty, begins with.
inline std::size_t character_size(std::string_view text) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t size = byte < 0xC2 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 1;
    if (size > text.size()) return 1;
    for (std::size_t at = 1; at < size; ++at)
        if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) return 1;
    return size;
}

inline std::vector<std::string_view> characters_of(std::string_view text) {
    std::vector<std::string_view> characters;
    while (!text.empty()) {
        characters.push_back(text.substr(0, character_size(text)));
        text.remove_prefix(characters.back().size());
    }
    return characters;
}

// Its code point; of a stray byte a value above all code points.
inline char32_t code_point(std::string_view character) {
    const auto byte = [&](std::size_t at) { return static_cast<char32_t>(static_cast<unsigned char>(character[at])); };
    switch (character.size()) {
    case 2: return (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU);
    case 3: return (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
    case 4: return (byte(0) & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U | (byte(3) & 0x3FU);
    default: return byte(0) < 0x80 ? byte(0) : 0x110000U + byte(0);
    }
}

}  // namespace gantry::dockerfile::detail
