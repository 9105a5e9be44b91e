#include "image/registry/certificates.hpp"

#include "os/file.hpp"

#include <algorithm>

namespace gantry::image::registry {

namespace {

constexpr std::size_t certificate_limit = 1U << 20;

std::string stem(const std::string& name) { return name.substr(0, name.rfind('.')); }

Result<> find_client(const std::string& folder, const std::vector<std::string>& names, Tls& tls) {
    for (const std::string& name : names) {
        const bool certificate = name.ends_with(".cert");
        if (!certificate && !name.ends_with(".key")) continue;
        const std::string other = stem(name) + (certificate ? ".key" : ".cert");
        if (std::ranges::find(names, other) == names.end())
            return error(Errc::not_found, "'{}/{}' has no '{}' beside it", folder, name, other);
        if (!tls.certificate.empty()) continue;
        tls.certificate = folder + "/" + stem(name) + ".cert";
        tls.key = folder + "/" + stem(name) + ".key";
    }
    return {};
}

}  // namespace

Result<Tls> certificates_of(const config::Paths& paths, const config::Registry& chosen, const std::string& registry) {
    Tls tls;
    // A configured file that is missing must not weaken what was asked for: it is named here and refused by TLS later.
    tls.ca = chosen.ca;
    tls.unchecked = chosen.insecure;
    const std::string folder = paths.etc + "/certs.d/" + registry;
    const std::vector<std::string> names = TRY(os::list_dir(folder));
    if (tls.ca.empty())
        for (const std::string& name : names)
            if (name.ends_with(".crt")) tls.authorities += TRY(os::read_file(folder + "/" + name, certificate_limit)) + "\n";
    if (chosen.certificate.empty() && chosen.key.empty()) {
        TRY(find_client(folder, names, tls));
    } else {
        tls.certificate = chosen.certificate;
        tls.key = chosen.key;
    }
    return tls;
}

}  // namespace gantry::image::registry
