#include "gate.hpp"

#include "log.hpp"
#include "rights.hpp"
#include "upstream.hpp"

#include <ctime>

namespace gantry::registry {

namespace {

constexpr const char* realm = "gantry-registry";

std::optional<std::string_view> bearer(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() < scheme.size() || strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0)
        return std::nullopt;
    return authorization.substr(scheme.size());
}

// A host that a client sent and that goes back into a header.
bool plain_host(std::string_view host) {
    return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == ':' ||
               c == '[' || c == ']' || c == '_';
    });
}

}  // namespace

// Where some may do without a login what others may not, only a token tells clients that a login is of use though /v2/ could
// do without (they look at the challenge there, and nowhere else).
Answer Gate::challenge(const Request& request, std::string_view message) const {
    std::string text = fmt::format("Basic realm=\"{}\"", realm);
    if (open_to_anonymous(request.server()) && plain_host(request.host)) {
        text = fmt::format("Bearer realm=\"{}://{}/v2/token\",service=\"{}\"", request.encrypted ? "https" : "http",
                           request.host, realm);
        if (request.route.repository)
            text += fmt::format(",scope=\"repository:{}:{}\"", request.repository().str(),
                                request.is_read() ? "pull" : "pull,push");
    }
    return refuse(unauthorized, message).with("WWW-Authenticate", text);
}

Answer Gate::token(const Request& request) const {
    if (!request.is_read()) return refuse(unsupported, "tokens are asked for with GET");
    const std::string text = tokens_.issue(request.user, std::time(nullptr));
    return json(fmt::format("{{\"token\":\"{0}\",\"access_token\":\"{0}\",\"expires_in\":{1}}}\n", text,
                            Tokens::lifetime.count()))
        .with("Cache-Control", "no-store");
}

bool Gate::slow(const Request& request) {
    const auto basic = parse_basic(request.authorization);
    return basic && !request.server().htpasswd.empty() &&
           !htpasswd_.remembered(request.server().htpasswd, basic->first, basic->second);
}

std::optional<Answer> Gate::identify(Request& request) {
    if (request.authorization.empty() || request.server().htpasswd.empty()) return std::nullopt;
    if (const auto text = bearer(request.authorization)) {
        auto known = tokens_.check(*text, std::time(nullptr));
        if (!known) return challenge(request, "the token is not one of ours, or is too old");
        request.user = std::move(known->user);
        return std::nullopt;
    }
    const auto basic = parse_basic(request.authorization);
    if (!basic) return challenge(request, "the authorization is neither Basic nor Bearer");
    const auto good = htpasswd_.check(request.server().htpasswd, basic->first, basic->second);
    if (!good.ok()) {
        warn("{}", good.error().message());
        return refuse({"UNKNOWN", 500}, "logins cannot be checked");
    }
    if (!*good) {
        note("a wrong user or password for '{}' from {}", basic->first, request.peer);
        return challenge(request, "wrong user or password");
    }
    request.user = basic->first;
    return std::nullopt;
}

std::optional<Answer> Gate::admit(Request& request) {
    if (auto answer = identify(request)) return answer;
    const config::RegistryServer& server = request.server();
    if (request.route.endpoint == Endpoint::token) return token(request);
    if (!request.route.repository) {
        // Without a token of some kind, who has a login must hear on /v2/ that it is of use.
        const bool asked = request.route.endpoint == Endpoint::root && !bearer(request.authorization);
        const bool welcome = request.user || server.htpasswd.empty() || (open_to_anonymous(server) && !asked);
        if (!welcome) return challenge(request, "a login is needed");
        return std::nullopt;
    }
    const Right right = request.is_read() && request.route.endpoint != Endpoint::upload ? Right::read : Right::write;
    if (may(server, request.user, request.repository().str(), right)) {
        const bool push = right == Right::write && request.method != "DELETE";
        if (const auto source = push ? Upstream::source(server, request.repository()) : std::nullopt)
            return refuse(unsupported, fmt::format("the repository is a cache of '{}'", *source));
        return std::nullopt;
    }
    if (right == Right::write && server.read_only) return refuse(denied, "the registry is read-only");
    const std::string message =
        fmt::format("no right to {} '{}'", right == Right::read ? "read" : "change", request.repository().str());
    if (!request.user && !server.htpasswd.empty()) return challenge(request, message);
    return refuse(denied, message);
}

}  // namespace gantry::registry
