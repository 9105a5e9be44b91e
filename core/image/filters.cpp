#include "image/filters.hpp"

#include "base/units.hpp"

#include <charconv>
#include <ctime>

namespace gantry::image {

namespace {

Result<bool> parse_bool(std::string_view text) {
    if (text == "true" || text == "1" || text == "t" || text == "TRUE" || text == "True") return true;
    if (text == "false" || text == "0" || text == "f" || text == "FALSE" || text == "False") return false;
    return error(Errc::invalid, "filter 'dangling': '{}' is neither true nor false", text);
}

// "+02:00", "-0530" as seconds.
std::optional<std::int64_t> offset_of(std::string_view text) {
    if (text.empty() || text == "Z" || text == "z") return 0;
    std::string digits;
    for (const char c : text.substr(1)) {
        if (c == ':') continue;
        if (c < '0' || c > '9') return std::nullopt;
        digits += c;
    }
    if (digits.size() != 4 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const int value = (std::stoi(digits.substr(0, 2)) * 60 + std::stoi(digits.substr(2))) * 60;
    return text[0] == '-' ? -value : value;
}

Result<std::int64_t> parse_until(const std::string& text) {
    std::int64_t seconds = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (code == std::errc() && (*end == '\0' || *end == '.')) return seconds;
    if (const auto stamp = parse_timestamp(text); stamp.ok()) return stamp;
    const auto span = parse_duration(text);
    if (!span.ok()) return error(Errc::invalid, "filter 'until': '{}' is neither a time nor a duration", text);
    return std::time(nullptr) - std::chrono::duration_cast<std::chrono::seconds>(*span).count();
}

bool has_label(const std::map<std::string, std::string>& labels, const std::string& wanted) {
    const std::size_t equals = wanted.find('=');
    const auto found = labels.find(wanted.substr(0, equals));
    return found != labels.end() && (equals == std::string::npos || found->second == wanted.substr(equals + 1));
}

}  // namespace

Result<std::int64_t> parse_timestamp(std::string_view text) {
    const std::string copy(text);
    for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* end = strptime(copy.c_str(), format, &parts);
        if (!end) continue;
        if (*end == '.')  // a fraction of a second
            for (++end; *end >= '0' && *end <= '9';) ++end;
        const auto offset = offset_of(end);
        if (offset) return static_cast<std::int64_t>(timegm(&parts)) - *offset;
    }
    return error(Errc::invalid, "'{}' is not a time", text);
}

Result<PruneFilter> PruneFilter::parse(const std::map<std::string, std::string>& filters) {
    PruneFilter filter;
    for (const auto& [key, value] : filters) {
        if (key == "dangling")
            filter.dangling = TRY(parse_bool(value));
        else if (key == "until")
            filter.until = TRY(parse_until(value));
        else if (key == "label")
            filter.label = value;
        else if (key == "label!")
            filter.not_label = value;
        else
            return error(Errc::invalid, "filter '{}' is not one of dangling, label, label!, until", key);
    }
    return filter;
}

bool PruneFilter::takes(const Store& store, const Image& image) const {
    if (until) {
        const auto created = parse_timestamp(image.created);
        if (created.ok() && *created >= *until) return false;
    }
    if (!label && !not_label) return true;
    const auto config = store.config(image);
    if (!config.ok()) return false;
    if (label && !has_label(config->labels, *label)) return false;
    return !not_label || !has_label(config->labels, *not_label);
}

}  // namespace gantry::image
