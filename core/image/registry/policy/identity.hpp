// Which name a signature must give an image: "signedIdentity" of containers-policy.json(5).
#pragma once

#include "base/reference.hpp"

namespace gantry::image::registry {

struct Identity {
    enum class Kind {
        repo_digest_or_exact,  // the default: the same name; of an image that is asked for by digest the same repository
        exact,
        repository,
        exact_reference,   // `reference` instead of the image's name
        exact_repository,  // the repository `reference`
        remap,             // as the default, after the prefix `reference` of the image's name was replaced by signed_prefix
    };
    Kind kind = Kind::repo_digest_or_exact;
    std::string reference, signed_prefix;
};

// For a message: "matchExact".
const char* identity_name(Identity::Kind kind);

// image: complete, as it was asked for; where it has a digest its tag means nothing. claimed: the signature's docker-reference,
// any text. A claimed name with neither tag nor digest is good for the kinds that look at the repository alone.
bool identity_matches(const Identity& identity, const ImageRef& image, std::string_view claimed);

// The name that a policy or a registries.d file calls an image by: with its digest where it has one, else with its tag.
std::string exact_name(const ImageRef& image);
// And what else such files may call it by, the most exact first: its repository, the namespaces above, the registry, and
// "*.example.com" for each domain above the registry's host.
std::vector<std::string> namespaces_of(const ImageRef& image);

}  // namespace gantry::image::registry
