// WWW-Authenticate (RFC 9110 section 11.6.1): how a registry wants to be asked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::registry {

struct Challenge {
    std::string scheme;                         // lower case: "basic", "bearer"
    std::map<std::string, std::string> params;  // names in lower case
};

// All challenges of all headers of that name. What does not parse ends the header it is in; nothing fails.
std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers);

}  // namespace gantry::image::registry
