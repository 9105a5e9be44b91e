// Locks by name that leave no file behind.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <string>
#include <string_view>

namespace gantry::os {

// An exclusive lock on a name, held until the descriptor goes (also by a crash): one byte of the file, chosen by the name's
// hash, locked with F_OFD_SETLKW (kernel 3.15). Any number of names share the file; two names with one hash only wait for each
// other. Not recursive: a second lock of the same name in one process waits for the first.
Result<Fd> lock_name(const std::string& file, std::string_view name, bool wait = true);

}  // namespace gantry::os
