// What a driver's shared object exports: one plain-data descriptor that the loader checks before it calls anything.
//
//     extern "C" const gantry_driver_descriptor gantry_driver = {
//         GANTRY_DRIVER_MAGIC, sizeof(gantry_driver_descriptor), GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR,
//         GANTRY_DRIVER_STORAGE, "overlayfs", "0.1.0", create_overlayfs};
//
// Rules of the border: only types of base/ and os/ and of this folder cross it; no exception does; a driver sees nothing of
// the core but those. Virtual functions and members of requests are only appended (a minor version); anything else is a new
// major version. The loader puts an adapter with the defaults of what was appended before drivers of earlier minor versions.
//     1.1: StorageDriver::writable_files, layer_adopt
//     1.2: StorageDriver::layer_files
//     1.3: NetworkDriver::publish, unpublish, check_ports, takes_resolver_port; PublishedPort::bypass_firewall,
//          AttachRequest::rate_up, rate_down and resolver_port
//     1.4: NetworkDriver::reserve, release, change
#pragma once

#include <cstdint>

#define GANTRY_DRIVER_MAGIC 0x47414e54525944ULL  // "GANTRYD"
#define GANTRY_DRIVER_ABI_MAJOR 1
#define GANTRY_DRIVER_ABI_MINOR 4
#define GANTRY_DRIVER_STORAGE 1U
#define GANTRY_DRIVER_NETWORK 2U
#define GANTRY_DRIVER_SYMBOL "gantry_driver"

namespace gantry::driver {

// Where the driver may keep things; the strings live as long as the driver.
struct HostContext {
    const char* data_dir;  // survives a reboot: /var/lib/gantry/storage/NAME or /var/lib/gantry/network
    const char* run_dir;   // does not: /run/gantry
};

}  // namespace gantry::driver

struct gantry_driver_descriptor {
    std::uint64_t magic;
    std::uint32_t size;  // sizeof of the struct the driver was built with: a later minor version may append fields
    std::uint16_t abi_major;
    std::uint16_t abi_minor;
    std::uint32_t kind;   // GANTRY_DRIVER_STORAGE or _NETWORK
    const char* name;     // as definitions name it; also the file: NAME.so in the folder of its kind
    const char* version;  // of the driver, for `gantry system info`
    // A new driver (StorageDriver* or NetworkDriver* by kind), owned and deleted by the caller; nullptr if there is no memory.
    // Does nothing else: probe() is where the host is looked at.
    void* (*create)(const gantry::driver::HostContext* host);
};
