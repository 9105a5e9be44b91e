#include "base/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace gantry {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::pair<std::string, std::string> split_once(const std::string& text, char separator) {
    const auto found = text.find(separator);
    if (found == std::string::npos) return {text, ""};
    return {text.substr(0, found), text.substr(found + 1)};
}

std::vector<std::pair<std::string, std::string>> split_fields(const std::string& text) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const std::string_view field : split(text, ',')) fields.push_back(split_once(std::string(field), '='));
    return fields;
}

std::string rfc3339(std::int64_t unix_seconds, std::uint32_t nanoseconds, int digits) {
    const auto seconds = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (digits == 0) return fmt::format("{}Z", text);
    return fmt::format("{}.{}Z", text, fmt::format("{:09}", nanoseconds).substr(0, static_cast<std::size_t>(digits)));
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace gantry
