// Fetching the signatures of an image. Nothing of them is trusted here.
#pragma once

#include "image/registry/authorizer.hpp"
#include "image/registry/manifest_source.hpp"
#include "image/registry/policy/registries_d.hpp"

namespace gantry::image::registry {

inline constexpr std::size_t signatures_limit = 128;  // of one image; what is behind is not looked at (containers/image too)
inline constexpr std::size_t signature_limit = 4U << 20;  // bytes of one

struct Signatures {
    struct One {
        std::string text;       // of simple signing an OpenPGP message, of cosign the signed text
        std::string signature;  // of cosign: the bytes that sign it
    };
    std::vector<One> list;
    std::string place;  // where they were looked for, for messages
};

// Simple signatures: of the registry itself where it keeps any ("X-Registry-Supports-Signatures", OpenShift's), else of the
// store that registries.d names. manifest: its SHA-256 digest.
Result<Signatures> simple_signatures(Repository& repository, HttpClient& client, const TlsFn& tls, const Lookaside& lookaside,
                                     const ImageRef& image, const Digest& manifest);

// Cosign's: the layers of the image that the same repository has under the tag "sha256-HEX.sig".
Result<Signatures> attached_signatures(Repository& repository, const Digest& manifest);

}  // namespace gantry::image::registry
