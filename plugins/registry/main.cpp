// gantry-registry: the image store as a registry, on the sockets of gantry-registry.socket. Leaves when idle.
#include "driver/loader.hpp"
#include "log.hpp"
#include "server.hpp"

#include <csignal>

namespace gantry::registry {

namespace {

Result<std::vector<os::Fd>> sockets_of_systemd() {
    const int count = sd_listen_fds(1);
    if (count < 0) return Error::from_errno(-count, "sockets of systemd");
    if (count == 0) return error(Errc::invalid, "no socket: it is started by gantry-registry.socket");
    std::vector<os::Fd> sockets;
    for (int at = 0; at < count; ++at) sockets.emplace_back(SD_LISTEN_FDS_START + at);
    return sockets;
}

Result<> serve() {
    const config::Paths paths = config::Paths::from_environment();
    auto sockets = TRY(sockets_of_systemd());
    LiveSettings settings(paths);
    const auto first = TRY(settings.current());
    driver::Loader loader(paths.drivers, paths.data, paths.run);
    const auto storage = TRY(loader.storage(first->engine.storage_driver));
    image::Store store = TRY(image::Store::open(paths, *storage));
    Api api(store, TRY(Tokens::open(paths.run + "/registry/key")));
    return Server(api, settings).run(std::move(sockets));
}

}  // namespace

}  // namespace gantry::registry

int main() {
    // A client that closes its connection is an error of a write, not our end.
    std::signal(SIGPIPE, SIG_IGN);
    if (auto served = gantry::registry::serve(); !served.ok()) {
        fmt::print(stderr, SD_ERR "{}\n", served.error().message());
        return 1;
    }
    return 0;
}
