#include "bus/service.hpp"

#include "bus/daemon.hpp"
#include "container/pause.hpp"

namespace gantry::bus {

Result<> serve() {
    container::Engine engine = TRY(container::Engine::open());
    // A gantryd that was killed may have left a container standing still.
    TRY(container::finish_pauses(engine, true));
    try {
        auto connection = sdbus::createSystemBusConnection();
        Daemon daemon(*connection, engine.config(), engine.paths());
        return daemon.run();
    } catch (const sdbus::Error& failure) {
        return error(Errc::unavailable, "the system bus: {}: {}", std::string(failure.getName()),
                     std::string(failure.getMessage()));
    }
}

}  // namespace gantry::bus
