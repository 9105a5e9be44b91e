// What gantry-dns does: one resolver for every network that has containers, a child of it each. Started by PID 1 with the first
// network's folder; ends when the last one is gone.
#pragma once

#include "base/result.hpp"
#include "config/engine.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gantry::dns {

inline constexpr const char* resolver_program = "/usr/sbin/dnsmasq";

struct ResolverPlan {
    std::string network;
    std::string interface;             // the only one whose packets it answers
    bool internal = false;             // it asks nobody
    std::vector<std::string> servers;  // whom it asks, in this order; empty: the host's
    std::uint16_t port = 0;            // where it listens; 0: at the usual one
};
// How a resolver is called.
std::vector<std::string> resolver_words(const config::Paths& paths, const ResolverPlan& plan);

class Keeper {
public:
    using Clock = std::chrono::steady_clock;

    // idle: a network without containers for so long has no resolver any more.
    Keeper(config::Paths paths, std::chrono::milliseconds idle) : paths_(std::move(paths)), idle_(idle) {}
    // Until there is no network, or SIGTERM.
    Result<> run();

private:
    struct Network {
        pid_t resolver = 0;
        int watch = -1;                      // on its folder, until the first file is there
        Clock::time_point next;              // not started before
        std::chrono::milliseconds pause{0};  // after the next failure
        Clock::time_point started;
        Clock::time_point empty_since;  // the epoch: it is not
        bool renewed = false;           // its folder is another one: the resolver watches the old
    };

    Result<> read_events();
    Result<> find_networks();
    void start_missing();
    void start(const std::string& name, Network& network);
    void reap();
    void remove_idle();
    void stop_all();
    void watch_folder(const std::string& name, Network& network);
    [[nodiscard]] int timeout() const;

    config::Paths paths_;
    std::chrono::milliseconds idle_;
    os::Fd events_, signals_;
    std::map<std::string, Network> networks_;  // "blue", and "blue@811" (servers.hpp)
};

}  // namespace gantry::dns
