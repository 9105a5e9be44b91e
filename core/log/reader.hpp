// One pool's pipes on their way to the journal. PID 1 keeps them open and looks at them whenever no reader runs, so that
// nothing is lost when one leaves or is killed: it may leave, and be killed, at any moment.
#pragma once

#include "log/slots.hpp"

#include <sys/socket.h>

#include <chrono>
#include <map>

namespace gantry::log {

class Reader {
public:
    // folder: "<run>/log/POOL"; pipes: what PID 1 handed over; more_pools: called with the number of a pool that is asked for.
    Reader(std::string folder, std::vector<os::Fd> pipes, std::function<void(int)> more_pools);
    // Until nothing has come for so long.
    Result<> run(std::chrono::milliseconds quiet);

private:
    struct Source {
        os::Fd pipe;
        std::string link;  // of its slot; empty: the pipe that asks for more pools
        int priority = 0;
        // As long as the link is the same one:
        std::pair<ino_t, std::int64_t> link_made;
        std::optional<ContainerName> owner;
        ucred process{};
        os::Fd stream;
        std::optional<std::chrono::steady_clock::time_point> dead_since;
        bool unfinished = false;  // the beginning of a line is in the pipe
    };
    Result<> look(Source& source);
    Result<> look_at_owner(Source& source);
    Result<bool> pass_on(Source& source, bool force);
    Result<> pass_on_unfinished();
    Result<> disown(Source& source);
    void pause(int index);

    std::string folder_;
    std::vector<Source> sources_;
    std::vector<int> paused_;  // not polled for a moment
    std::function<void(int)> more_pools_;
    os::Fd poll_, copy_in_, copy_out_;
};

}  // namespace gantry::log
