#include "rights.hpp"

#include <algorithm>

namespace gantry::registry {

namespace {

bool concerns(const config::RegistryRule& rule, const std::optional<std::string>& user) {
    return std::ranges::any_of(rule.users, [&](const std::string& name) {
        if (name == config::anonymous_user) return true;  // what anybody may do, those with a login may too
        return user && (name == config::any_user || name == *user);
    });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view repository) {
    // Of the last star of each kind: where to go on in the pattern, and from where in the name the next try starts. A "**" can
    // take whatever a "*" before it could, so going back to the last one of each kind is enough.
    std::size_t at = 0, in = 0;
    std::size_t star = pattern.npos, star_in = 0, wide = pattern.npos, wide_in = 0;
    while (in < repository.size()) {
        if (pattern.substr(at, 2) == "**") {
            at += 2;
            wide = at;
            wide_in = in;
            star = pattern.npos;
        } else if (at < pattern.size() && pattern[at] == '*') {
            star = ++at;
            star_in = in;
        } else if (at < pattern.size() && (pattern[at] == repository[in] || (pattern[at] == '?' && repository[in] != '/'))) {
            ++at;
            ++in;
        } else if (star != pattern.npos && repository[star_in] != '/') {
            at = star;
            in = ++star_in;
        } else if (wide != pattern.npos) {
            at = wide;
            in = ++wide_in;
            star = pattern.npos;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

bool may(const config::RegistryServer& server, const std::optional<std::string>& user, std::string_view repository,
         Right right) {
    if (right == Right::write && server.read_only) return false;
    if (!server.rules) return server.htpasswd.empty() || user;
    return std::ranges::any_of(*server.rules, [&](const config::RegistryRule& rule) {
        return (right == Right::read || rule.write) && concerns(rule, user) &&
               std::ranges::any_of(rule.repositories, [&](const std::string& pattern) { return matches(pattern, repository); });
    });
}

bool open_to_anonymous(const config::RegistryServer& server) {
    if (!server.rules) return server.htpasswd.empty();
    return std::ranges::any_of(*server.rules, [](const config::RegistryRule& rule) { return concerns(rule, std::nullopt); });
}

}  // namespace gantry::registry
