// Storage drivers that were built for ABI 1.0 end their table of virtual functions before writable_files(): what came later
// must not be called on them. Seen through this they have the later functions' defaults.
#pragma once

#include "gantry/driver/storage.hpp"

#include <memory>

namespace gantry::driver {

std::unique_ptr<StorageDriver> adapt_storage_1_0(std::unique_ptr<StorageDriver> driver);

}  // namespace gantry::driver
