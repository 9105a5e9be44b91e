#include "image/registry/auth_file.hpp"
#include "image/registry/connection.hpp"
#include "image/registry/pull.hpp"

namespace gantry::image::registry {

namespace {

// What people type: a host, an address, or (as podman has it) a host and a namespace.
struct LoginTarget {
    std::string registry;  // "quay.io"
    std::string key;       // "quay.io/team"
};

Result<LoginTarget> target_of(const std::string& text) {
    const std::string key = normalized_auth_key(text);
    LoginTarget target{key.substr(0, key.find('/')), key};
    if (target.registry.empty()) return error(Errc::invalid, "'{}' is not a registry, write HOST[:PORT]", text);
    return target;
}

Result<> verify(const config::Paths& paths, const config::Engine& engine, const std::string& registry,
                const Credentials& credentials, const Settings& settings) {
    HttpClient client(settings);
    const TlsFn tls = [&](const std::string& host) {
        const auto other = endpoint_of(paths, engine, host);
        return other.ok() ? other->tls : Tls{};
    };
    const CredentialsFn given = [&] { return std::optional(credentials); };
    Connection connection(client, TRY(endpoint_of(paths, engine, registry)), given, tls);
    Retry retry(settings, settings.connect_retries);
    while (true) {
        const HttpOutcome outcome = connection.perform({});
        if (outcome.fault == Fault::none && outcome.response.status == 200) return {};
        if (retry.again(outcome)) continue;
        if (outcome.error) return *outcome.error;
        const long status = outcome.response.status;
        if (status == 401 || status == 403)
            return error(Errc::denied, "wrong user or password (HTTP {}{})", status, error_suffix(outcome.response.body));
        return error(status == 404 ? Errc::invalid : Errc::unavailable, "it does not answer as a registry (HTTP {})", status);
    }
}

}  // namespace

Result<std::string> login_with(const config::Paths& paths, const config::Engine& engine, const std::string& registry,
                               const Credentials& credentials, Settings settings) {
    const LoginTarget target = TRY(target_of(registry));
    if (credentials.identity_token.empty() && (credentials.user.empty() || credentials.user.find(':') != std::string::npos))
        return error(Errc::invalid, "login to '{}': '{}' is not a user name", target.key, credentials.user);
    TRY_CONTEXT(verify(paths, engine, target.registry, credentials, settings), "login to '{}'", target.key);
    const std::string file = TRY(login_file(paths));
    TRY(store_credentials(file, target.key, credentials));
    return file;
}

}  // namespace gantry::image::registry

namespace gantry::image {

Result<std::string> login(const config::Paths& paths, const config::Engine& engine, const std::string& registry,
                          const Credentials& credentials) {
    return registry::login_with(paths, engine, registry, credentials, {});
}

Result<std::string> logout(const config::Paths& paths, const std::string& registry) {
    const registry::LoginTarget target = TRY(registry::target_of(registry));
    const std::string file = TRY(registry::login_file(paths));
    if (TRY(registry::erase_credentials(file, target.key))) return file;
    for (const std::string& other : registry::auth_files(paths)) {
        const auto has = registry::has_credentials(other, target.key);
        if (has.ok() && *has && other != file)
            return error(Errc::not_found, "not logged in to '{}' here, but '{}' has a login of another tool", target.key,
                         other);
    }
    return error(Errc::not_found, "not logged in to '{}'", target.key);
}

}  // namespace gantry::image
