// Storage drivers that were built for an earlier minor version of the ABI have a shorter table of virtual functions: what came
// later must not be called on them. Seen through this they have the later functions' defaults.
#pragma once

#include "gantry/driver/storage.hpp"

#include <memory>

namespace gantry::driver {

// minor: the version that the driver was built for.
std::unique_ptr<StorageDriver> adapt_older_storage(std::unique_ptr<StorageDriver> driver, std::uint16_t minor);

}  // namespace gantry::driver
