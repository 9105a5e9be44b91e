// Digests of streams, by libgcrypt: as fast as any, and ready at once (libcrypto takes 3 ms, a tenth of a container's start,
// before its first hash).
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"

#include <memory>
#include <string_view>

struct gcry_md_handle;

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
        void operator()(gcry_md_handle* context) const;
    };
    std::string algorithm_;
    std::unique_ptr<gcry_md_handle, Free> context_;
};

// Of an open file, from its start to its end; name: for errors.
Result<Digest> digest_of_file(int file, std::string_view name, std::string_view algorithm = "sha256");

Digest digest_of(std::string_view data, std::string_view algorithm = "sha256");

}  // namespace gantry::image
