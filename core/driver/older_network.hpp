// Network drivers of an earlier minor version of the ABI, as older_storage.hpp does it for storage drivers.
#pragma once

#include "gantry/driver/network.hpp"

#include <memory>

namespace gantry::driver {

// minor: that the driver was built for. Up to 1.2 network drivers did not change.
std::unique_ptr<NetworkDriver> adapt_older_network(std::unique_ptr<NetworkDriver> driver, unsigned minor);

}  // namespace gantry::driver
