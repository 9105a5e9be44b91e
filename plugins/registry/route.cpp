#include "route.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace gantry::registry {

namespace {

constexpr std::size_t parameter_limit = 16;

std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at] == '+' ? ' ' : text[at];
            continue;
        }
        unsigned value = 0;
        if (at + 2 >= text.size()) return std::nullopt;
        const char* end = text.data() + at + 3;
        const auto [stop, failure] = std::from_chars(text.data() + at + 1, end, value, 16);
        if (failure != std::errc() || stop != end || value == 0) return std::nullopt;
        out += static_cast<char>(value);
        at += 2;
    }
    return out;
}

Result<std::map<std::string, std::string>> parse_query(std::string_view text) {
    std::map<std::string, std::string> query;
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const auto key = decoded(pair.substr(0, equals));
        const auto value = decoded(pair.substr(std::min(equals + 1, pair.size())));
        if (!key || !value) return error(Errc::invalid, "the query is not encoded well");
        if (query.size() >= parameter_limit)
            return error(Errc::invalid, "the query has more than {} parameters", parameter_limit);
        query.emplace(*key, *value);
    }
    return query;
}

struct Ending {
    Endpoint endpoint;
    std::size_t parts;  // of the path that are not the repository's name
    std::string reference;
};

// A name may have parts that are called like end points: what counts is the end of the path.
std::optional<Ending> ending_of(const std::vector<std::string_view>& parts) {
    const auto part = [&](std::size_t from_end) {
        return from_end <= parts.size() ? parts[parts.size() - from_end] : std::string_view();
    };
    if (part(2) == "blobs" && part(1) == "uploads") return Ending{Endpoint::uploads, 2, {}};
    if (part(3) == "blobs" && part(2) == "uploads") {
        if (part(1).empty()) return Ending{Endpoint::uploads, 3, {}};
        return Ending{Endpoint::upload, 3, std::string(part(1))};
    }
    if (part(2) == "tags" && part(1) == "list") return Ending{Endpoint::tags, 2, {}};
    if (part(2) == "manifests") return Ending{Endpoint::manifest, 2, std::string(part(1))};
    if (part(2) == "blobs") return Ending{Endpoint::blob, 2, std::string(part(1))};
    if (part(2) == "referrers") return Ending{Endpoint::referrers, 2, std::string(part(1))};
    return std::nullopt;
}

}  // namespace

Result<Route> parse_target(std::string_view target) {
    Route route;
    const std::size_t mark = std::min(target.find('?'), target.size());
    std::string_view path = target.substr(0, mark);
    if (mark < target.size()) route.query = TRY(parse_query(target.substr(mark + 1)));
    if (path == "/v2" || path == "/v2/") return route;
    if (!path.starts_with("/v2/")) return error(Errc::not_found, "there is nothing but /v2/ here");
    path.remove_prefix(4);
    if (path == "token" || path == "_catalog") {
        route.endpoint = path == "token" ? Endpoint::token : Endpoint::catalog;
        return route;
    }
    const auto parts = split(path, '/');
    auto ending = ending_of(parts);
    if (!ending) return error(Errc::not_found, "the distribution specification has no such end point");
    if (ending->parts >= parts.size()) return error(Errc::invalid, "the repository's name is missing");
    std::size_t length = parts.size() - ending->parts - 1;  // its slashes
    for (std::size_t at = 0; at < parts.size() - ending->parts; ++at) length += parts[at].size();
    route.repository = TRY(image::RepositoryName::parse(path.substr(0, length)));
    route.endpoint = ending->endpoint;
    route.reference = std::move(ending->reference);
    return route;
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                           c == '.' || c == '~' || c == '/';
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace gantry::registry
