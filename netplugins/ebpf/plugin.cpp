#include "routes.hpp"

#include "gantry/driver/abi.hpp"
#include "os/process.hpp"

namespace {

using gantry::Errc;
using gantry::Result;

// Once a boot: libbpf and what it needs would cost every start some milliseconds.
Result<> load(const std::string& into) {
    const gantry::os::Finished loaded =
        TRY(gantry::os::run({{GANTRY_LIBEXECDIR "/gantry-bpf-load", "route", into}, "", 65536}));
    if (loaded.status == 0) return {};
    std::string_view said = loaded.errors;
    said = said.substr(0, said.find('\n'));
    return gantry::error(Errc::unsupported, "{}",
                         said.empty() ? fmt::format("gantry-bpf-load ended with {}", loaded.status) : std::string(said));
}

void* create_ebpf(const gantry::driver::HostContext* host) {
    // As the loader will use it: through its interface.
    return gantry::ebpf::make_driver(host->data_dir, {.run_dir = host->run_dir, .load = load}).release();
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const gantry_driver_descriptor gantry_driver = {GANTRY_DRIVER_MAGIC,     sizeof(gantry_driver_descriptor),
                                                GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR,
                                                GANTRY_DRIVER_NETWORK,   "ebpf",
                                                GANTRY_VERSION,          create_ebpf};
