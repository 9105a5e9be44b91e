// Finds a driver by name, checks its descriptor and creates it. Drivers are loaded into the process that needs them and stay
// loaded until it ends.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/network.hpp"
#include "gantry/driver/storage.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gantry::driver {

struct DriverInfo {
    std::string name, version, file, problem;  // problem: why it cannot be loaded; empty if it can
    std::uint32_t kind = 0;
};

class Loader {
public:
    // folder: has storage/NAME.so and network/NAME.so. data_dir, run_dir: see HostContext (storage drivers get
    // data_dir/storage/NAME, network drivers data_dir/network).
    Loader(std::string folder, std::string data_dir, std::string run_dir);

    // Errors name the file and what is wrong with it: missing, not an ELF object, no descriptor, another magic, size, ABI
    // major, kind or name, or newer than this engine. One bad driver never affects another.
    Result<std::unique_ptr<StorageDriver>> storage(const std::string& name);
    Result<std::unique_ptr<NetworkDriver>> network(const std::string& name);
    std::vector<DriverInfo> list();

private:
    struct Made {
        void* driver;
        std::uint16_t abi_minor;  // that it was built for
    };
    Result<Made> create(const std::string& name, std::uint32_t kind);
    std::string folder_, data_dir_, run_dir_;
};

}  // namespace gantry::driver
