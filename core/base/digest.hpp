// Content digests as the OCI image specification writes them ("sha256:" and 64 hexadecimal digits; image-spec descriptor.md).
#pragma once

#include "base/result.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace gantry {

class Digest {
public:
    // sha256 and sha512, the two registered algorithms; lower-case hexadecimal of the right length, nothing else.
    static Result<Digest> parse(std::string_view text);

    [[nodiscard]] const std::string& str() const { return text_; }  // "sha256:abc..."
    [[nodiscard]] std::string_view algorithm() const { return std::string_view(text_).substr(0, 6); }
    [[nodiscard]] std::string_view hex() const { return std::string_view(text_).substr(7); }
    auto operator<=>(const Digest&) const = default;

private:
    explicit Digest(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

}  // namespace gantry
