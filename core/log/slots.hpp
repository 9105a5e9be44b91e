// The pipes that detached containers write to. A journal stream is a socket, and a socket cannot be opened by path: programs
// that write to /dev/stdout or /proc/self/fd/2 need a pipe. PID 1 keeps pools of named ones, <run>/log/POOL/SLOT.{out,err}
// (gantry-log@POOL.socket), and starts gantry-log when there is something in them. A container has one slot while it runs:
//     SLOT      symbolic link to its name, made by the launcher: whose slot it is
//     SLOT.pid  symbolic link to the number of its first process: in whose name the journal is told
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"
#include "os/fd.hpp"

#include <functional>

namespace gantry::log {

constexpr int slots_per_pool = 128;  // gantry-log@.socket lists them
constexpr int most_pools = 64;       // numbers fit a byte

struct Slot {
    os::Fd out, err;   // for writing
    std::string link;  // "<run>/log/POOL/SLOT"
};

// A free slot, from now on the container's. When the pools are nearly full gantry-log is asked for another (its number, one
// byte, into <run>/log/0/more), which is waited for once they are full. Errc::unavailable: PID 1 keeps no pool.
Result<Slot> take_slot(const config::Paths& paths, const ContainerName& name);
// Whether PID 1 keeps it.
bool has_pool(const config::Paths& paths, int pool);
// Before the process can write.
Result<> set_process(const Slot& slot, pid_t pid);
// What is left in the container's pipes goes to `out` and `err`; for the reaper, once the container's processes are dead.
Result<> drain_slots(const config::Paths& paths, const ContainerName& name,
                     const std::function<Result<os::Fd>(int priority)>& open);
Result<> release_slots(const config::Paths& paths, const ContainerName& name);

// The lock under which the pipes of a pool are read.
Result<os::Fd> lock_pool(const std::string& folder);

// A connection of journald's stream protocol, for lines of the container's unit (systemd src/journal/journald-stream.c).
// Errc::not_found: no journald.
Result<os::Fd> journal_stream(const ContainerName& name, int priority);

}  // namespace gantry::log
