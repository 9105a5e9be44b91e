// The signature policy: containers-policy.json(5) of containers/image, for images that come from registries ("docker"). What is
// not understood is refused: a policy must not be read as less than its author wrote.
#pragma once

#include "config/engine.hpp"
#include "image/registry/policy/identity.hpp"

#include <map>

namespace gantry::image::registry {

struct Requirement {
    enum class Kind { reject, accept, signed_by, sigstore };
    Kind kind = Kind::reject;
    // Public keys: files, or the content of one.
    std::vector<std::string> key_files;
    std::string key_data;
    Identity identity;
    // A member that is known and asks for what is not done here ("fulcio"): no image can meet this requirement.
    std::string unsupported;
};

struct Policy {
    using Requirements = std::vector<Requirement>;  // never empty: all must be met

    std::string file;  // empty: there is none, and everything is accepted
    Requirements otherwise;
    std::map<std::string, Requirements> scopes;  // of transport "docker"; "" is for all that no other scope names

    struct Found {
        const Requirements* requirements;
        std::string scope;  // for messages: "scope 'quay.io'", "the default"
    };
    // Of the most exact scope that names the image (complete, as it was asked for).
    [[nodiscard]] Found find(const ImageRef& image) const;
};

// Errors name file and place: "policy 'FILE': transports.docker["quay.io"][0]: member 'keyType' is missing". Key files are not
// looked at.
Result<Policy> parse_policy(std::string_view text, const std::string& file);

// <etc>/policy.json; else containers/policy.json beside <etc>, which other tools have too; else everything is accepted. A file
// that cannot be read is an error.
Result<Policy> load_policy(const config::Paths& paths);

// For a message and for listings: "signedBy".
const char* requirement_name(Requirement::Kind kind);

}  // namespace gantry::image::registry
