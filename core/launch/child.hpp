// The container's first process between clone and exec, and what it and the launcher say to each other.
//
//     launcher                          child
//     Go::maps     (user namespace)  ->   becomes root there; mounts, enters the root, devices, terminal
//     Go::network  (attached)        ->   privileges, looks the command up
//                                    <-   "x": all that is left is exec     or   "E<status> message" and exit
//     Go::exec     (systemd knows it) ->   exec
// The end of a pipe means that the other side died; the child then exits with 125.
#pragma once

#include "launch/mounts.hpp"
#include "launch/stdio.hpp"
#include "launch/kernel.hpp"
#include "os/clone.hpp"
#include "os/pipe.hpp"

namespace gantry::launch {

enum class Go : char { maps = 'm', network = 'n', exec = 'e' };

struct Channel {
    os::Pipe to_child, from_child;
};

struct ChildState {
    Sources sources;
    Stdio stdio;
    os::Fd root;  // the assembled root file system, detached
};

[[noreturn]] void run_child(const Plan& plan, ChildState& state, Channel& channel);

}  // namespace gantry::launch
