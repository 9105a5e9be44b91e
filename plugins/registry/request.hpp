// A request as the API sees it: parsed, its sender known, without its body.
#pragma once

#include "route.hpp"
#include "settings.hpp"

namespace gantry::registry {

struct Request {
    std::shared_ptr<const Settings> settings;
    bool encrypted = false;
    std::string method;
    Route route;
    std::string peer;                 // "192.0.2.1", for the journal
    std::optional<std::string> user;  // nobody without a login
    std::string host, authorization, content_type, content_range, range, if_none_match;
    std::optional<std::uint64_t> content_length;
    std::string body;  // of a manifest

    [[nodiscard]] const config::RegistryServer& server() const { return settings->server; }
    [[nodiscard]] const image::RepositoryName& repository() const { return *route.repository; }
    [[nodiscard]] bool is_read() const { return method == "GET" || method == "HEAD"; }
    // "alice@192.0.2.1", for the journal.
    [[nodiscard]] std::string sender() const { return user ? *user + "@" + peer : peer; }
};

}  // namespace gantry::registry
