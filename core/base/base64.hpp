// Base64 (RFC 4648 section 4), for Basic authorization and auth files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gantry {

std::string base64_encode(std::string_view data);
// Nothing for text that is not base64; padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace gantry
