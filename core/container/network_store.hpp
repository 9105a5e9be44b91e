// Networks as files: <data>/networks/NAME.toml, one each, written by `gantry network create` or by hand. Read by gantry-launch
// at every start, changed by the engine.
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"
#include "gantry/driver/network.hpp"

#include <map>
#include <optional>

namespace gantry::container {

struct NetworkInfo {
    driver::NetworkConfig config;
    std::string id;            // 64 hexadecimal digits, as Docker's NETWORK ID
    std::int64_t created = 0;  // seconds since 1970
    std::map<std::string, std::string> labels;
    bool predefined = false;  // bridge, host, none
};

// "bridge", "host", "none": Docker's three, which cannot be removed. host and none are no driver's business.
[[nodiscard]] bool is_predefined_network(std::string_view name);

// Errc::not_found: no such file. A broken one: Errc::corrupt with file, line and column.
Result<NetworkInfo> read_network(const config::Paths& paths, std::string_view name);
// Every file, sorted by name; broken ones are left out and told in `problems` (if given).
Result<std::vector<NetworkInfo>> read_networks(const config::Paths& paths, std::vector<std::string>* problems = nullptr);
Result<> write_network(const config::Paths& paths, const NetworkInfo& network);
Result<> erase_network(const config::Paths& paths, std::string_view name);

// Completes a wanted network with its driver, which sees all others, and stores it. Errc::exists where the name is taken. Two
// creations wait for each other, so that no two choose the same addresses; starts of containers do not. Addresses come from the
// engine's pools where wanted names no subnet (and no option "pool" of its own).
Result<NetworkInfo> make_network(const config::Paths& paths, const config::Engine& engine, driver::NetworkDriver& driver,
                                 NetworkInfo wanted);

// read_network, or for the engine's default network, which is made when it is first needed, make_network.
Result<NetworkInfo> find_network(const config::Paths& paths, const config::Engine& engine, std::string_view name,
                                 driver::NetworkDriver& bridge);

}  // namespace gantry::container
