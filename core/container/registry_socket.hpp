// The engine's registry as units: gantry-registry.socket, which is off until somebody turns it on.
#pragma once

#include "container/engine.hpp"

namespace gantry::container {

struct RegistryState {
    bool enabled = false;    // at boot
    bool listening = false;  // now
    bool running = false;    // it leaves when idle
    std::vector<std::string> addresses;
};

// Now and at boot. listen: addresses ("127.0.0.1:5000", "[::]:5000", "5000"), which go into a drop-in of the socket; none: as
// it is. What is under way is broken off where they change.
Result<> registry_enable(Engine& engine, const std::vector<std::string>& listen);
Result<> registry_disable(Engine& engine);
Result<RegistryState> registry_state(Engine& engine);

}  // namespace gantry::container
