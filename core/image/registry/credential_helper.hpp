// docker-credential-NAME programs (docker-credential-helpers' protocol): "get", "store" and "erase", JSON on stdin and stdout.
#pragma once

#include "image/transfer.hpp"

#include <string>

namespace gantry::image::registry {

// Empty where the helper knows none for that server.
Result<std::optional<Credentials>> helper_get(const std::string& helper, const std::string& server);
Result<> helper_store(const std::string& helper, const std::string& server, const Credentials& credentials);
Result<> helper_erase(const std::string& helper, const std::string& server);

}  // namespace gantry::image::registry
