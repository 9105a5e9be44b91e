// gantry-dns [SECONDS]  ExecStart= of gantry-dns.service, started by PID 1 when a container is on a network. SECONDS: a network
// without containers for so long needs no resolver any more.
#include "dns/keeper.hpp"

#include <charconv>
#include <string_view>

int main(int argc, char** argv) {
    // A container that is restarted, or the next of a row of short ones, finds its network's resolver running.
    unsigned idle = 30;
    const std::string_view given = argc > 1 ? argv[1] : "";
    if (argc > 2 || (!given.empty() && std::from_chars(given.data(), given.data() + given.size(), idle).ec != std::errc())) {
        fmt::print(stderr, "usage: gantry-dns [SECONDS]\n");
        return 2;
    }
    gantry::dns::Keeper keeper(gantry::config::Paths::from_environment(), std::chrono::seconds(idle));
    const auto result = keeper.run();
    if (!result.ok()) fmt::print(stderr, "<3>gantry-dns: {}\n", result.error().message());
    return result.ok() ? 0 : 1;
}
