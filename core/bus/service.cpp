#include "bus/service.hpp"

#include "bus/daemon.hpp"
#include "container/pause.hpp"

namespace gantry::bus {

Result<> serve() {
    const config::Paths paths = config::Paths::from_environment();
    const config::Engine engine = TRY(config::load_engine(paths));
    // A gantryd that was killed may have left a container standing still.
    auto manager = TRY(systemd::Manager::connect());
    TRY(container::finish_pauses(paths, manager, true));
    try {
        auto connection = sdbus::createSystemBusConnection();
        Daemon daemon(*connection, engine, paths);
        return daemon.run();
    } catch (const sdbus::Error& failure) {
        return error(Errc::unavailable, "the system bus: {}: {}", std::string(failure.getName()),
                     std::string(failure.getMessage()));
    }
}

}  // namespace gantry::bus
