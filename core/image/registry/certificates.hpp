// The certificates of a registry: what the configuration names, else what is in its folder, laid out as Docker's certs.d.
#pragma once

#include "config/engine.hpp"
#include "image/registry/http.hpp"

namespace gantry::image::registry {

// etc/certs.d/HOST[:PORT]: every *.crt is an authority, NAME.cert with NAME.key the client's certificate (the first by name).
// One of such a pair without the other is an error, as it is with Docker: the registry would refuse us for no visible reason.
Result<Tls> certificates_of(const config::Paths& paths, const config::Registry& chosen, const std::string& registry);

}  // namespace gantry::image::registry
