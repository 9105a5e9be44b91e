#include "image/registry/authorizer.hpp"

#include "base/base64.hpp"
#include "image/json.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"

namespace gantry::image::registry {

namespace {

constexpr std::int64_t shortest_life = 60;  // seconds; also what a token server that says nothing means (token.md)
constexpr std::int64_t longest_life = 24 * 3600;
constexpr int margin = 5;  // seconds: a token about to expire is not sent

std::string param(const Challenge& challenge, const char* name) {
    const auto found = challenge.params.find(name);
    return found == challenge.params.end() ? std::string() : found->second;
}

const Challenge* find_scheme(const std::vector<Challenge>& challenges, std::string_view scheme) {
    for (const Challenge& challenge : challenges)
        if (challenge.scheme == scheme) return &challenge;
    return nullptr;
}

// It goes into a header line.
bool is_plain_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Result<const std::optional<Credentials>*> Authorizer::credentials() {
    if (!asked_) {
        credentials_ = TRY(credentials_source_());
        asked_ = true;
    }
    return &credentials_;
}

std::string Authorizer::current(const std::string& scope) const {
    if (const auto token = tokens_.find(scope); token != tokens_.end()) return "Bearer " + token->second.text;
    return basic_;
}

Result<std::string> Authorizer::header(const std::string& scope) {
    const std::scoped_lock lock(mutex_);
    const auto token = tokens_.find(scope);
    if (token != tokens_.end() && token->second.expiry <= Clock::now()) {
        tokens_.erase(token);
        tokens_[scope] = TRY(fetch_token(bearer_.at(scope), scope));
    }
    return current(scope);
}

Result<bool> Authorizer::answer(const std::vector<Challenge>& challenges, const std::string& scope, const std::string& used) {
    const std::scoped_lock lock(mutex_);
    if (const std::string now = current(scope); !now.empty() && now != used) return true;  // another thread was faster
    if (const Challenge* bearer = find_scheme(challenges, "bearer")) {
        tokens_.erase(scope);
        bearer_[scope] = *bearer;
        tokens_[scope] = TRY(fetch_token(*bearer, scope));
        return true;
    }
    if (find_scheme(challenges, "basic")) {
        const auto* found = TRY(credentials());
        if (!*found || (*found)->user.empty() || !basic_.empty()) return false;
        basic_ = "Basic " + base64_encode((*found)->user + ":" + (*found)->password);
        return true;
    }
    return false;
}

Result<HttpRequest> Authorizer::token_request(const Challenge& challenge, const std::string& scope) {
    const Url realm = TRY_CONTEXT(parse_url(param(challenge, "realm")), "registry '{}': token server", endpoint_.registry);
    const bool plain_ok = plain_ || is_loopback_host(realm.host);
    if (realm.scheme != "https" && !plain_ok)
        return error(Errc::denied, "registry '{}': its token server '{}' does not use TLS", endpoint_.registry, realm.origin());
    const std::string service = param(challenge, "service");
    const std::string wanted = param(challenge, "scope").empty() ? scope : param(challenge, "scope");
    const auto* found = TRY(credentials());

    HttpRequest request;
    request.tls = realm.host == endpoint_.host ? endpoint_.tls : tls_(realm.host);
    request.body_limit = token_limit;
    if (*found && !(*found)->identity_token.empty()) {
        request.method = "POST";
        request.url = realm.text;
        request.body = fmt::format("grant_type=refresh_token&client_id=gantry&service={}&scope={}&refresh_token={}",
                                   escape(service), escape(wanted), escape((*found)->identity_token));
        return request;
    }
    std::string query = "service=" + escape(service);
    // Several resources (a mount names two repositories) are several parameters.
    for (std::size_t at = 0; at < wanted.size();) {
        const std::size_t end = std::min(wanted.find(' ', at), wanted.size());
        if (end > at) query += "&scope=" + escape(std::string_view(wanted).substr(at, end - at));
        at = end + 1;
    }
    if (*found) {
        query += "&account=" + escape((*found)->user);
        request.headers.push_back("Authorization: Basic " + base64_encode((*found)->user + ":" + (*found)->password));
    }
    const std::string base = realm.text.substr(0, realm.text.find('#'));
    request.url = base + (base.find('?') == std::string::npos ? "?" : "&") + query;
    return request;
}

Result<Authorizer::Token> Authorizer::fetch_token(const Challenge& challenge, const std::string& scope) {
    const HttpRequest request = TRY(token_request(challenge, scope));
    const std::string server = host_of(request.url);
    const HttpOutcome outcome = perform_with_retries(client_, request);
    if (outcome.error) return outcome.error->context(fmt::format("token server '{}'", server));
    const long status = outcome.response.status;
    if (status == 400 || status == 401 || status == 403) {
        const bool known = credentials_.has_value();
        return error(Errc::denied, "token server '{}': {} (HTTP {}{})", server, known ? "login refused" : "login required",
                     status, error_suffix(outcome.response.body));
    }
    if (status != 200)
        return error(Errc::unavailable, "token server '{}': HTTP {}{}", server, status, error_suffix(outcome.response.body));

    const std::string what = fmt::format("answer of token server '{}'", server);
    const Json root = TRY(detail::parse_object(outcome.response.body, what));
    std::string text = TRY(detail::string_member(root, "token", what));
    if (text.empty()) text = TRY(detail::string_member(root, "access_token", what));
    if (!is_plain_token(text)) return error(Errc::invalid, "{}: no usable token in it", what);
    std::int64_t life = detail::integer_member(root, "expires_in", what).value_or(0);
    life = std::clamp(life, shortest_life, longest_life);
    return Token{std::move(text), Clock::now() + std::chrono::seconds(life - margin)};
}

}  // namespace gantry::image::registry
