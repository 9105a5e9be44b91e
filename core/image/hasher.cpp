#include "image/hasher.hpp"

#include <openssl/evp.h>

namespace gantry::image {

void Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), algorithm_ == "sha512" ? EVP_sha512() : EVP_sha256(), nullptr);
}

void Hasher::update(std::string_view data) { EVP_DigestUpdate(context_.get(), data.data(), data.size()); }

Digest Hasher::finish() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), bytes, &length);
    std::string text = algorithm_ + ":";
    for (unsigned at = 0; at < length; ++at) {
        text += "0123456789abcdef"[bytes[at] >> 4];
        text += "0123456789abcdef"[bytes[at] & 15];
    }
    return Digest::parse(text).value();
}

Digest digest_of(std::string_view data, std::string_view algorithm) {
    Hasher hasher(algorithm);
    hasher.update(data);
    return hasher.finish();
}

}  // namespace gantry::image
