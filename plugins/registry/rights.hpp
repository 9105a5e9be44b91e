// Who may do what: [[registry_server.rules]] of gantry.toml(5).
#pragma once

#include "config/engine.hpp"

#include <optional>
#include <string>

namespace gantry::registry {

enum class Right { read, write };

// user: nobody for a request without a login. Rules only allow; without rules everybody may do all, or where there are logins,
// everybody with one.
bool may(const config::RegistryServer& server, const std::optional<std::string>& user, std::string_view repository,
         Right right);

// Is there anything at all that a request without a login may do?
bool open_to_anonymous(const config::RegistryServer& server);

// '*' stands for any characters but '/', '**' for any, '?' for one that is not '/'.
bool matches(std::string_view pattern, std::string_view repository);

}  // namespace gantry::registry
