// What a signature says: the JSON of containers-signature(5) ("simple signing"), which cosign signs as well.
#pragma once

#include "base/digest.hpp"

#include <string>
#include <string_view>

namespace gantry::image::registry {

struct Claims {
    Digest manifest;        // "docker-manifest-digest"
    std::string reference;  // "docker-reference", unchecked
};

inline constexpr const char* simple_signing_type = "atomic container signature";
inline constexpr const char* cosign_type = "cosign container image signature";

// type: what critical.type must be. "critical" must have just the members that are known, once each; "optional" may be missing,
// and nothing in it is looked at.
Result<Claims> parse_claims(std::string_view text, std::string_view type);

}  // namespace gantry::image::registry
