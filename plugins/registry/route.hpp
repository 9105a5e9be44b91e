// Which end point of the OCI distribution specification a request's target is (its table "Endpoints").
#pragma once

#include "base/result.hpp"
#include "image/repository.hpp"

#include <map>
#include <optional>
#include <string>

namespace gantry::registry {

enum class Endpoint {
    root,       // /v2/
    token,      // /v2/token, ours: see token.hpp
    catalog,    // /v2/_catalog
    manifest,   // /v2/NAME/manifests/REFERENCE
    blob,       // /v2/NAME/blobs/DIGEST
    uploads,    // /v2/NAME/blobs/uploads/
    upload,     // /v2/NAME/blobs/uploads/ID
    tags,       // /v2/NAME/tags/list
    referrers,  // /v2/NAME/referrers/DIGEST
};

struct Route {
    Endpoint endpoint = Endpoint::root;
    std::optional<image::RepositoryName> repository;
    std::string reference;  // a tag, a digest or an upload's id, not checked
    std::map<std::string, std::string> query;

    [[nodiscard]] std::string parameter(const std::string& name) const {
        const auto found = query.find(name);
        return found == query.end() ? std::string() : found->second;
    }
};

// target: of the request line, "/v2/library/nginx/manifests/latest?x=y". Errc::not_found: no such end point; Errc::invalid: a
// repository's name, or an encoding, that cannot be. Nothing is decoded in the path: no name needs it.
Result<Route> parse_target(std::string_view target);

// A query's value as it goes into one.
std::string encoded(std::string_view text);

}  // namespace gantry::registry
