// Is a shared object's file whole? The dynamic linker maps whatever it is given; touching what a copy that broke off lacks then
// kills the process with SIGBUS, and with it every front end that lists drivers.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::driver {

// Reads the program headers (elf(5)) and compares them with the file's size. Errc::unsupported says what is wrong.
Result<> check_object_file(const std::string& file);

}  // namespace gantry::driver
