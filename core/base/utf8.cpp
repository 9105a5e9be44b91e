#include "base/utf8.hpp"

#include <cstdint>

namespace gantry {

namespace {

bool is_character(char32_t point, std::size_t size) {
    constexpr char32_t smallest[] = {0, 1, 0x80, 0x800, 0x10000};  // longer forms than needed are malformed
    if (point < smallest[size] || point > 0x10FFFF) return false;
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    const bool noncharacter = (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFEU) == 0xFFFE;
    return !surrogate && !noncharacter;
}

// Bytes of the character that text begins with; 0: there is none.
std::size_t character_size(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<char32_t>(static_cast<unsigned char>(text[at])); };
    const std::size_t size = byte(0) < 0x80   ? 1
                             : byte(0) < 0xC0 ? 0
                             : byte(0) < 0xE0 ? 2
                             : byte(0) < 0xF0 ? 3
                             : byte(0) < 0xF8 ? 4
                                              : 0;
    if (size == 0 || size > text.size()) return 0;
    char32_t point = size == 1 ? byte(0) : byte(0) & (0x7FU >> size);
    for (std::size_t at = 1; at < size; ++at) {
        if ((byte(at) & 0xC0U) != 0x80U) return 0;
        point = point << 6U | (byte(at) & 0x3FU);
    }
    return is_character(point, size) ? size : 0;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
    std::string valid;
    valid.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        valid += size > 0 ? text.substr(0, size) : std::string_view("\xEF\xBF\xBD");
        text.remove_prefix(size > 0 ? size : 1);
    }
    return valid;
}

}  // namespace gantry
