// One registry as its clients see it: requests below /v2/, with authorization, redirects and the choice of HTTP or HTTPS done.
// Safe for several threads at once.
#pragma once

#include "image/registry/authorizer.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"

namespace gantry::image::registry {

struct ApiRequest {
    std::string method = "GET";
    std::string path;  // below "/v2/": "library/nginx/manifests/latest"; "" is the root
    std::string scope;
    std::vector<std::string> headers;
    std::size_t body_limit = manifest_limit;
    std::function<Result<>(const HttpResponse&)> begin;
    std::function<Result<>(std::string_view)> sink;
    std::string url;   // instead of path: where a Location header told us to go
    std::string body;  // of POST, PUT and PATCH
    std::optional<FilePart> file = std::nullopt;
    bool extension = false;  // below "/extensions/v2/" instead
};

class Connection {
public:
    Connection(HttpClient& client, Endpoint endpoint, CredentialsFn credentials, TlsFn tls);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // One attempt. 401 was answered as well as we could, redirects were followed (by what changes something only those that
    // repeat the request, 307 and 308); every other status is the caller's.
    HttpOutcome perform(const ApiRequest& request);
    // A layer's address outside of the registry: no authorization, no client certificate.
    HttpOutcome perform_foreign(const std::string& url, const ApiRequest& request);

    // The address of a path below "/v2/", by the scheme that was found to be spoken.
    [[nodiscard]] Result<Url> address(const std::string& path);
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] const Settings& settings() const { return client_.settings(); }

private:
    HttpOutcome perform_on(const std::string& scheme, const ApiRequest& request);
    // origin: whom the authorization is for.
    HttpOutcome perform_from(Url start, const ApiRequest& request, const std::string& origin, const std::string& authorization);
    Result<Url> address_of(const std::string& scheme, const ApiRequest& request, const Url& root) const;
    HttpOutcome choose_scheme(const ApiRequest& request);
    HttpOutcome hello();
    void forget_hello();
    [[nodiscard]] std::string scheme();

    HttpClient& client_;
    Endpoint endpoint_;
    TlsFn tls_;
    Authorizer authorizer_;
    std::mutex choosing_;               // one says hello, the others wait
    std::optional<HttpOutcome> hello_;  // what came of it, until the scheme is known
    std::mutex mutex_;
    std::string scheme_;  // "https" or "http", empty until known
};

// What an answer that is neither 200 nor 206 means. object: "manifest 'latest'".
Error status_error(const HttpResponse& response, const Endpoint& endpoint, std::string_view object);

}  // namespace gantry::image::registry
