// Loads programs with libbpf. A library of its own: whoever only uses what is pinned does not link libbpf and what it needs.
#pragma once

#include "base/result.hpp"

#include <span>
#include <string>

namespace gantry::bpf {

// Pins every program and map of an object file in folder (in a bpffs, made if it is missing). name: of the object, for the
// kernel and the error, of which the verifier's last words are a part.
Result<> load_and_pin(std::span<const char> object, const std::string& name, const std::string& folder);

}  // namespace gantry::bpf
