// Loads the programs with libbpf. A library of its own: whoever only uses what is pinned does not link libbpf and what it
// needs.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::service {

// Pins every program and map in folder (in a bpffs, made if it is missing). The verifier's last words are part of the error.
Result<> load(const std::string& folder);

}  // namespace gantry::service
