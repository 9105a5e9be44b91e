// Network drivers of an earlier minor version of the ABI, as older_storage.hpp does it for storage drivers.
#pragma once

#include "gantry/driver/network.hpp"

#include <memory>

namespace gantry::driver {

// For drivers built for 1.0 to 1.2, among which network drivers did not change.
std::unique_ptr<NetworkDriver> adapt_older_network(std::unique_ptr<NetworkDriver> driver);

}  // namespace gantry::driver
