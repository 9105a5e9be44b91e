#include "base/digest.hpp"

namespace gantry {

Result<Digest> Digest::parse(std::string_view text) {
    const bool sha256 = text.starts_with("sha256:");
    if (!sha256 && !text.starts_with("sha512:"))
        return error(Errc::invalid, "digest '{}' must start with sha256: or sha512:", text.substr(0, 160));
    const std::string_view hex = text.substr(7);
    if (hex.size() != (sha256 ? 64U : 128U))
        return error(Errc::invalid, "digest '{}' has {} hexadecimal digits, expected {}", text.substr(0, 160), hex.size(),
                     sha256 ? 64 : 128);
    if (hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return error(Errc::invalid, "digest '{}' is not lower-case hexadecimal", text);
    return Digest(std::string(text));
}

}  // namespace gantry
