// Image references: "[DOMAIN/]PATH[:TAG][@DIGEST]", the grammar of distribution's reference package (docs/reference.md).
#pragma once

#include "base/digest.hpp"

#include <optional>

namespace gantry {

struct ImageRef {
    std::string domain;  // "registry.example:5000"; empty where a short name was given and not yet completed
    std::string path;    // "library/nginx"
    std::string tag;     // "1.25", empty where none was given
    std::optional<Digest> digest;

    // Checks the grammar, lengths (255 bytes for domain and path together, 128 for a tag) and completes nothing.
    static Result<ImageRef> parse(std::string_view text);

    // Docker's completion of a short name: domain "docker.io", "library/" before a path of one component on docker.io, tag
    // "latest" where neither tag nor digest is given.
    [[nodiscard]] ImageRef normalized() const;

    // As written, complete: "docker.io/library/nginx:1.25".
    [[nodiscard]] std::string str() const;
    // As Docker's tools show it: without "docker.io/" and "docker.io/library/".
    [[nodiscard]] std::string familiar() const;
    // The part without tag and digest, in both spellings.
    [[nodiscard]] std::string repository() const;
    [[nodiscard]] std::string familiar_repository() const;

    bool operator==(const ImageRef&) const = default;
};

}  // namespace gantry
