#include "base/utf8.hpp"

namespace gantry {

namespace {

bool is_noncharacter(char32_t point) { return (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFEU) == 0xFFFE; }

std::size_t size_by_first(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xC0 || first >= 0xF8) return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

}  // namespace

char32_t code_point(std::string_view character) {
    const auto byte = [&](std::size_t at) { return static_cast<char32_t>(static_cast<unsigned char>(character[at])); };
    if (character.size() == 1) return byte(0);
    char32_t point = byte(0) & (0x7FU >> character.size());
    for (std::size_t at = 1; at < character.size(); ++at) point = point << 6U | (byte(at) & 0x3FU);
    return point;
}

std::size_t character_size(std::string_view text) {
    const std::size_t size = text.empty() ? 0 : size_by_first(static_cast<unsigned char>(text.front()));
    if (size == 0 || size > text.size()) return 0;
    for (std::size_t at = 1; at < size; ++at)
        if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) return 0;
    constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};  // longer forms than needed are malformed
    const char32_t point = code_point(text.substr(0, size));
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    return point < smallest[size] || point > 0x10FFFF || surrogate ? 0 : size;
}

std::string valid_utf8(std::string_view text) {
    std::string valid;
    valid.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const std::string_view character = text.substr(0, size);
        const bool good = size > 0 && character != std::string_view("\0", 1) && !is_noncharacter(code_point(character));
        valid += good ? character : std::string_view("\xEF\xBF\xBD");
        text.remove_prefix(good ? size : 1);
    }
    return valid;
}

}  // namespace gantry
