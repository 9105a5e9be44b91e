#include "image/registry/connection.hpp"

namespace gantry::image::registry {

namespace {

HttpOutcome refuse(Error failure) { return {{}, Fault::other, std::move(failure)}; }

bool is_redirect(long status, const std::string& method) {
    if (status == 307 || status == 308) return true;
    return (method == "GET" || method == "HEAD") && (status == 301 || status == 302 || status == 303);
}

}  // namespace

Connection::Connection(HttpClient& client, Endpoint endpoint, CredentialsFn credentials, TlsFn tls)
    : client_(client),
      endpoint_(std::move(endpoint)),
      tls_(std::move(tls)),
      authorizer_(client, endpoint_, std::move(credentials), tls_),
      scheme_(endpoint_.plain_allowed ? "" : "https") {}

HttpOutcome Connection::perform(const ApiRequest& request) {
    const std::string known = scheme();
    return known.empty() ? choose_scheme(request) : perform_on(known, request);
}

std::string Connection::scheme() {
    const std::scoped_lock lock(mutex_);
    return scheme_;
}

// Whether something speaks TLS there, without the authorities of the system: loading them takes longer than all the rest of a
// push that has nothing to send. The answer is for nothing else.
HttpOutcome Connection::hello() {
    const std::scoped_lock choosing(choosing_);
    if (!hello_) {
        HttpRequest request;
        request.url = fmt::format("https://{}/", endpoint_.host);
        request.only_connect = true;
        request.tls = endpoint_.tls;
        request.tls.unchecked = true;
        hello_ = client_.perform(request);
    }
    return *hello_;
}

void Connection::forget_hello() {
    const std::scoped_lock choosing(choosing_);
    hello_.reset();
}

// TLS first; HTTP only where nothing at all speaks TLS there, never because of a bad certificate.
HttpOutcome Connection::choose_scheme(const ApiRequest& request) {
    const auto silent = [](const HttpOutcome& one) {
        return one.fault == Fault::tls || one.fault == Fault::connect ||
               ((one.fault == Fault::lost || one.fault == Fault::stalled) && one.response.status == 0);
    };
    HttpOutcome outcome = hello();
    std::string found = "https";
    if (!silent(outcome)) {
        outcome = perform_on("https", request);
    } else {
        HttpOutcome plain = perform_on("http", request);
        // Of two failures the one that got further tells more.
        if (plain.response.status == 400) {
            // What servers that want TLS say to plain HTTP: it does speak TLS, and its alert was lost with the connection.
            outcome = perform_on("https", request);
        } else if (outcome.fault == Fault::tls || !silent(plain)) {
            outcome = std::move(plain);
            found = "http";
        }
    }
    if (outcome.response.status == 0) {  // nobody spoke: the next attempt finds out
        forget_hello();
        return outcome;
    }
    const std::scoped_lock lock(mutex_);
    scheme_ = found;
    if (found == "http") authorizer_.allow_plain();
    return outcome;
}

// What the registry calls by an absolute address is held to the same: TLS is not left. One behind a proxy that ends TLS does
// not know its own scheme.
Result<Url> Connection::address_of(const std::string& scheme, const ApiRequest& request, const Url& root) const {
    if (request.url.empty()) return parse_url(root.text + request.path);
    Url url = TRY_CONTEXT(parse_url(request.url), "registry '{}'", endpoint_.registry);
    if (scheme != "https" || url.scheme == "https") return url;
    if (url.host != root.host)
        return error(Errc::denied, "registry '{}' sends us to '{}', which does not use TLS", endpoint_.registry, url.origin());
    return parse_url("https" + url.text.substr(url.scheme.size()));
}

HttpOutcome Connection::perform_on(const std::string& scheme, const ApiRequest& request) {
    const auto root = parse_url(fmt::format("{}://{}/{}v2/", scheme, endpoint_.host, request.extension ? "extensions/" : ""));
    if (!root.ok()) return refuse(root.error());
    auto url = address_of(scheme, request, *root);
    if (!url.ok()) return refuse(std::move(url).error());
    if (scheme == "http") authorizer_.allow_plain();
    for (int round = 0;; ++round) {
        auto authorization = authorizer_.header(request.scope);
        if (!authorization.ok()) return refuse(std::move(authorization).error());
        HttpOutcome outcome = perform_from(*url, request, root->origin(), *authorization);
        // Twice: an old token may be refused, a new one must not be.
        if (outcome.fault != Fault::none || outcome.response.status != 401 || round == 2) return outcome;
        const auto challenges = parse_challenges(outcome.response.headers["www-authenticate"]);
        auto answered = authorizer_.answer(challenges, request.scope, *authorization);
        if (!answered.ok()) return refuse(std::move(answered).error());
        if (!*answered) return outcome;
    }
}

// The registry's word about who we are is for the registry alone: another scheme, host or port gets no Authorization, and its
// challenges are not answered. TLS is never left on the way.
HttpOutcome Connection::perform_from(Url url, const ApiRequest& request, const std::string& origin,
                                     const std::string& authorization) {
    for (int hops = 0;; ++hops) {
        const bool home = url.origin() == origin && !authorization.empty();
        HttpRequest http{request.method,     url.text,      request.headers, request.body, request.file, {},
                         request.body_limit, request.begin, request.sink};
        if (home) http.headers.push_back("Authorization: " + authorization);
        http.tls = url.host == endpoint_.host ? endpoint_.tls : tls_(url.host);
        HttpOutcome outcome = client_.perform(http);
        if (outcome.fault != Fault::none) return outcome;
        if (outcome.response.status == 401 && url.origin() != origin)
            return refuse(
                error(Errc::denied, "registry '{}' sends us to '{}', which refuses (HTTP 401)", endpoint_.registry, url.host));
        if (!is_redirect(outcome.response.status, request.method)) return outcome;
        if (hops == client_.settings().redirects)
            return refuse(error(Errc::unavailable, "registry '{}': more than {} redirects", endpoint_.registry, hops));
        auto next = resolve_url(url, outcome.response.header("location"));
        if (!next.ok())
            return refuse(std::move(next).error().context(fmt::format("registry '{}': redirect", endpoint_.registry)));
        if (url.scheme == "https" && next->scheme != "https")
            return refuse(error(Errc::denied, "registry '{}' redirects to '{}', which does not use TLS", endpoint_.registry,
                                next->origin()));
        url = std::move(*next);
    }
}

Result<Url> Connection::address(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    return parse_url(fmt::format("{}://{}/v2/{}", scheme_.empty() ? "https" : scheme_, endpoint_.host, path));
}

HttpOutcome Connection::perform_foreign(const std::string& address, const ApiRequest& request) {
    auto url = parse_url(address);
    if (!url.ok()) return refuse(std::move(url).error());
    if (url->scheme != "https" && !endpoint_.plain_allowed)
        return refuse(error(Errc::denied, "'{}' does not use TLS", url->origin()));
    const std::string origin = url->origin();
    return perform_from(std::move(*url), request, origin, {});
}

Error status_error(const HttpResponse& response, const Endpoint& endpoint, std::string_view object) {
    const std::string suffix = error_suffix(response.body);
    const auto make = [&](Errc code, std::string_view what) {
        return error(code, "registry '{}': {} {} (HTTP {}{})", endpoint.registry, object, what, response.status, suffix);
    };
    switch (response.status) {
    case 401: return make(Errc::denied, "needs a login");
    case 403: return make(Errc::denied, "is denied");
    case 404: return make(Errc::not_found, "is unknown");
    case 429: return make(Errc::unavailable, "not given, too many requests");
    default: return make(response.status >= 500 ? Errc::unavailable : Errc::invalid, "not given");
    }
}

}  // namespace gantry::image::registry
