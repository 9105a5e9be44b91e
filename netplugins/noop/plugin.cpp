#include "noop_driver.hpp"

#include <new>

namespace {

void* create_noop(const gantry::driver::HostContext* host) {
    // Converted to the interface first: the loader casts the pointer back to exactly that type.
    gantry::driver::NetworkDriver* driver = new (std::nothrow) gantry::noop::NoopDriver(*host);
    return driver;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const gantry_driver_descriptor gantry_driver;
const gantry_driver_descriptor gantry_driver = {
    GANTRY_DRIVER_MAGIC,     sizeof(gantry_driver_descriptor),
    GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR,
    GANTRY_DRIVER_NETWORK,   "noop",
    GANTRY_VERSION,          create_noop,
};
