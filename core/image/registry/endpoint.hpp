// Where an image may be fetched from: the mirrors of its registry in order, and the registry itself.
#pragma once

#include "config/engine.hpp"
#include "image/registry/http.hpp"

#include <string>
#include <vector>

namespace gantry::image::registry {

struct Endpoint {
    std::string registry;  // as in references and in the configuration: "docker.io", "registry.example:5000"
    std::string host;      // where it is: "registry-1.docker.io"
    std::string prefix;    // of a mirror: what goes before the repository's path, "" or "hub/"
    bool mirror = false;
    bool plain_allowed = false;   // loopback or insecure: HTTP will do where TLS is not spoken
    bool foreign_layers = false;  // layers may come from the addresses in their descriptors (image-spec descriptor.md, "urls")
    Tls tls;
};

// "HOST[:PORT]". Errc::denied for a blocked one, Errc::invalid for what is none.
Result<Endpoint> endpoint_of(const config::Paths& paths, const config::Engine& engine, const std::string& registry);
// The mirrors first. A blocked mirror is left out, a blocked registry is Errc::denied even if it has mirrors.
Result<std::vector<Endpoint>> endpoints_of(const config::Paths& paths, const config::Engine& engine,
                                           const std::string& registry);

}  // namespace gantry::image::registry
