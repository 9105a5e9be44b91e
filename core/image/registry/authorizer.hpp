// Who we are to one registry: answers its challenges, keeps its tokens (distribution's docs/spec/auth/token.md and oauth.md).
#pragma once

#include "image/registry/challenge.hpp"
#include "image/registry/endpoint.hpp"
#include "image/transfer.hpp"

#include <mutex>

namespace gantry::image::registry {

// Asked once, at the first challenge.
using CredentialsFn = std::function<Result<std::optional<Credentials>>()>;
// TLS settings for a token server that is another host than the registry.
using TlsFn = std::function<Tls(const std::string& host)>;

class Authorizer {
public:
    Authorizer(HttpClient& client, const Endpoint& endpoint, CredentialsFn credentials, TlsFn tls)
        : client_(client), endpoint_(endpoint), credentials_source_(std::move(credentials)), tls_(std::move(tls)) {}

    // The value of Authorization for a request of this scope ("repository:library/nginx:pull"; "" for the API's root); empty
    // while the registry has not asked. An expired token is replaced first.
    Result<std::string> header(const std::string& scope);

    // After a 401 on a request that carried used: true where header() now has something else to try.
    Result<bool> answer(const std::vector<Challenge>& challenges, const std::string& scope, const std::string& used);

    // Plain HTTP is spoken to the registry itself, so that its token server need not be better.
    void allow_plain() { plain_ = true; }

private:
    using Clock = std::chrono::steady_clock;
    struct Token {
        std::string text;
        Clock::time_point expiry;
    };

    Result<const std::optional<Credentials>*> credentials();
    Result<Token> fetch_token(const Challenge& challenge, const std::string& scope);
    Result<HttpRequest> token_request(const Challenge& challenge, const std::string& scope);
    std::string current(const std::string& scope) const;

    HttpClient& client_;
    const Endpoint& endpoint_;
    CredentialsFn credentials_source_;
    TlsFn tls_;
    std::atomic<bool> plain_ = false;

    std::mutex mutex_;  // held while a token is fetched: one request serves all threads
    bool asked_ = false;
    std::optional<Credentials> credentials_;
    std::string basic_;
    std::map<std::string, Challenge> bearer_;  // by scope
    std::map<std::string, Token> tokens_;
};

}  // namespace gantry::image::registry
