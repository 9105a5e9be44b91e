#include "driver.hpp"
#include "links.hpp"

#include "gantry/driver/abi.hpp"
#include "os/process.hpp"

namespace {

using gantry::Errc;
using gantry::Result;

// Once a boot: libbpf and what it needs would cost every start some milliseconds.
Result<> load(const std::string& into) {
    const gantry::os::Finished loaded =
        TRY(gantry::os::run({{GANTRY_LIBEXECDIR "/gantry-bpf-load", "guard", into}, "", 65536}));
    if (loaded.status == 0) return {};
    const std::string said = loaded.errors.substr(0, loaded.errors.find('\n'));
    return gantry::error(Errc::unsupported, "{}",
                         said.empty() ? fmt::format("gantry-bpf-load ended with {}", loaded.status) : said);
}

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
