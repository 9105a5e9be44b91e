#include "driver.hpp"
#include "links.hpp"

#include "gantry/driver/abi.hpp"
#include "load/pins.hpp"

namespace {

using gantry::Result;

Result<> load(const std::string& into) { return gantry::bpf::load_programs("guard", into); }

void* create_bridge(const gantry::driver::HostContext* host) {
    // As the loader will use it: through its interface.
    return gantry::bridge::make_driver(host->data_dir, {.run_dir = host->run_dir, .load = load}).release();
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const gantry_driver_descriptor gantry_driver = {GANTRY_DRIVER_MAGIC,     sizeof(gantry_driver_descriptor),
                                                GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR,
                                                GANTRY_DRIVER_NETWORK,   "bridge",
                                                GANTRY_VERSION,          create_bridge};
