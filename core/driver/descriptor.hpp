// The checks that a driver's descriptor must pass before anything of it is called.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/abi.hpp"

#include <string>

namespace gantry::driver {

// "storage", "network": the folder of a kind; "kind 7" for one that this engine does not know.
std::string kind_name(std::uint32_t kind);

// What a driver may be called: lower-case letters, digits, '-' and '_', at most 64. Never a path: names come from definitions.
Result<> check_driver_name(const std::string& name);

// descriptor: what the symbol points to, symbol_size: its size as the object's symbol table tells (0: the table does not say).
// Nothing beyond what a check has vouched for is read.
Result<> check_descriptor(const gantry_driver_descriptor* descriptor, std::uint64_t symbol_size, const std::string& name,
                          std::uint32_t kind);

}  // namespace gantry::driver
