// Manifests and other small documents of a repository, verified.
#pragma once

#include "image/registry/connection.hpp"
#include "image/store.hpp"

namespace gantry::image::registry {

struct Document {
    Digest digest;
    std::string media_type;
    std::string text;
};

// A repository of one connection.
class Repository {
public:
    // actions: what a token is asked for, "pull" or "pull,push".
    Repository(Connection& connection, std::string path, std::string_view actions = "pull");

    // What a tag points at now; nothing where the registry does not tell by HEAD. Errc::not_found is only said by fetch.
    Result<std::optional<Digest>> head(const std::string& tag);
    // reference: a tag or a digest. expected: what the content must be (a tag's digest as head said it, or the digest itself).
    Result<Document> manifest(const std::string& reference, const std::optional<Digest>& expected);
    // All tags, in the registry's order (distribution-spec, "Listing Tags"); more than 10,000 are an error.
    Result<std::vector<std::string>> tags();
    // A blob that is small: the configuration.
    Result<std::string> blob_text(const Descriptor& descriptor);

    // Does the registry say that it keeps simple signatures ("X-Registry-Supports-Signatures")?
    Result<bool> keeps_signatures();
    // GET of "/extensions/v2/REPOSITORY/name".
    HttpOutcome extension(const std::string& name);

    // A manifest asked for by "GET" or "HEAD".
    HttpOutcome ask_manifest(const char* method, const std::string& reference);

    [[nodiscard]] Connection& connection() const { return connection_; }
    [[nodiscard]] std::string blob_path(const Digest& digest) const { return path_ + "/blobs/" + digest.str(); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& scope() const { return scope_; }

    // With retries; for requests that may be repeated.
    HttpOutcome ask(const ApiRequest& request);

private:
    Connection& connection_;
    std::string path_, scope_;
};

// The error of an outcome that is a fault.
Error fault_error(const HttpOutcome& outcome, const Endpoint& endpoint);

}  // namespace gantry::image::registry
