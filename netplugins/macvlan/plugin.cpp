#include "macvlan_driver.hpp"

#include "gantry/driver/abi.hpp"

#include <new>

namespace {

void* create_macvlan(const gantry::driver::HostContext* host) {
    // As the loader will use it: through its interface.
    return static_cast<gantry::driver::NetworkDriver*>(new (std::nothrow)
                                                           gantry::macvlan::MacvlanDriver(host->data_dir, host->run_dir));
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const gantry_driver_descriptor gantry_driver = {GANTRY_DRIVER_MAGIC,     sizeof(gantry_driver_descriptor),
                                                GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR,
                                                GANTRY_DRIVER_NETWORK,   "macvlan",
                                                GANTRY_VERSION,          create_macvlan};
