// The payload's environment, as words "NAME=VALUE": the launcher makes it, a commit keeps it.
#pragma once

#include "base/result.hpp"

#include <string>
#include <vector>

namespace gantry::container {

using Environment = std::vector<std::string>;

// The value of a name that is there is replaced in its place.
void put_variable(Environment& environment, const std::string& name, const std::string& value);

// docker run --env-file: NAME=VALUE lines, # comments, a bare NAME takes this process' own (which a unit rarely has).
Result<> read_env_file(const std::string& file, Environment& environment);

}  // namespace gantry::container
