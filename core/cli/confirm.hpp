// "Are you sure you want to continue? [y/N]" on the terminal; no without one.
#pragma once

#include "base/result.hpp"

namespace gantry::cli {

Result<bool> confirm(const std::string& warning);
// Reads a password without echo where standard input is a terminal, else one line.
Result<std::string> ask_password(const std::string& prompt);

}  // namespace gantry::cli
