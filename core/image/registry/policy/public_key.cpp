#include "image/registry/policy/public_key.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace gantry::image::registry {

namespace {

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Elliptic curves and RSA sign a digest; Ed25519 the text.
bool hashes(const EVP_PKEY* key) { return EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519; }

bool strong(const EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC: return EVP_PKEY_get_bits(key) >= 256;
    case EVP_PKEY_RSA: return EVP_PKEY_get_bits(key) >= 2048;
    case EVP_PKEY_ED25519: return true;
    default: return false;
    }
}

}  // namespace

void PublicKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<PublicKey> PublicKey::of(std::string_view pem) {
    const std::unique_ptr<BIO, int (*)(BIO*)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    EVP_PKEY* key = text ? PEM_read_bio_PUBKEY(text.get(), nullptr, nullptr, nullptr) : nullptr;
    ERR_clear_error();
    if (!key) return error(Errc::invalid, "it holds no public key in PEM form");
    PublicKey owned(key);
    if (!strong(key)) return error(Errc::invalid, "it is not a key of ECDSA (256 bits), RSA (2048 bits) or Ed25519");
    return owned;
}

bool PublicKey::verifies(std::string_view text, std::string_view signature) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const EVP_MD* digest = hashes(key_.get()) ? EVP_sha256() : nullptr;
    const bool good = context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
                      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace gantry::image::registry
