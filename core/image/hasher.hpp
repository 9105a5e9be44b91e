// Digests of streams, by OpenSSL.
#pragma once

#include "base/digest.hpp"

#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace gantry::image {

class Hasher {
public:
    // algorithm: "sha256" or "sha512", as Digest::algorithm() gives it.
    explicit Hasher(std::string_view algorithm = "sha256");
    void update(std::string_view data);
    // The digest of all data so far; the hasher is used up.
    [[nodiscard]] Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::string algorithm_;
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest digest_of(std::string_view data, std::string_view algorithm = "sha256");

}  // namespace gantry::image
