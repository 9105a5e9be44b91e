// Signatures of plain public keys, as cosign makes them (sigstore's SIGNATURE_SPEC.md): ECDSA and RSA (PKCS #1 v1.5) with
// SHA-256, Ed25519.
#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace gantry::image::registry {

class PublicKey {
public:
    // PEM, "PUBLIC KEY". Errc::invalid for anything else, for an RSA key of less than 2048 bits and an elliptic curve of less
    // than 256.
    static Result<PublicKey> of(std::string_view pem);
    // signature: the bytes (of ECDSA in DER).
    [[nodiscard]] bool verifies(std::string_view text, std::string_view signature) const;

private:
    struct Free {
        void operator()(evp_pkey_st* key) const;
    };
    explicit PublicKey(evp_pkey_st* key) : key_(key) {}
    std::unique_ptr<evp_pkey_st, Free> key_;
};

}  // namespace gantry::image::registry
