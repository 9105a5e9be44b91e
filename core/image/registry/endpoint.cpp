#include "image/registry/endpoint.hpp"

#include "image/registry/certificates.hpp"
#include "image/registry/url.hpp"

namespace gantry::image::registry {

namespace {

const config::Registry* settings_of(const config::Engine& engine, const std::string& registry) {
    const auto found = engine.registries.find(registry);
    return found == engine.registries.end() ? nullptr : &found->second;
}

// Docker Hub is not where its name points (distribution's reference package and its configuration).
std::string host_for(const std::string& registry) { return registry == "docker.io" ? "registry-1.docker.io" : registry; }

}  // namespace

Result<Endpoint> endpoint_of(const config::Paths& paths, const config::Engine& engine, const std::string& registry) {
    const auto url = parse_url("https://" + host_for(registry) + "/");
    if (!url.ok() || registry.find_first_of("/@?#") != std::string::npos)
        return error(Errc::invalid, "'{}' is not a registry, write HOST[:PORT]", registry);
    const config::Registry* settings = settings_of(engine, registry);
    if (settings && settings->blocked) return error(Errc::denied, "registry '{}' is blocked by the configuration", registry);

    const config::Registry none;
    const config::Registry& chosen = settings ? *settings : none;
    Endpoint endpoint{
        registry, host_for(registry), "", false, chosen.insecure || is_loopback_host(registry), chosen.foreign_layers, {}};
    endpoint.tls = TRY(certificates_of(paths, chosen, registry));
    return endpoint;
}

Result<std::vector<Endpoint>> endpoints_of(const config::Paths& paths, const config::Engine& engine,
                                           const std::string& registry) {
    Endpoint own = TRY(endpoint_of(paths, engine, registry));
    std::vector<Endpoint> endpoints;
    if (const config::Registry* settings = settings_of(engine, registry)) {
        for (const std::string& mirror : settings->mirrors) {
            const std::size_t slash = mirror.find('/');
            auto endpoint = endpoint_of(paths, engine, mirror.substr(0, slash));
            if (!endpoint.ok() && endpoint.error().code() == Errc::denied) continue;
            if (!endpoint.ok()) return std::move(endpoint).error().context(fmt::format("mirror of '{}'", registry));
            endpoint->mirror = true;
            if (slash != std::string::npos) endpoint->prefix = mirror.substr(slash + 1);
            if (!endpoint->prefix.empty() && !endpoint->prefix.ends_with('/')) endpoint->prefix += '/';
            endpoints.push_back(std::move(*endpoint));
        }
    }
    endpoints.push_back(std::move(own));
    return endpoints;
}

}  // namespace gantry::image::registry
