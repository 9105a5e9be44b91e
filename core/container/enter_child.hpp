// What happens in the two processes between fork and exec (enter.cpp): the guide joins the container's namespaces, starts the
// second one there (a PID namespace is entered only by children) and stays until that one ends. The guide is its parent, not
// the program that asked: the kernel lets a container's first process go only after everything in its PID namespace was waited
// for, and a program that somebody stopped with Ctrl-Z must not hold up a container's end.
#pragma once

#include "container/enter.hpp"

#include <optional>

namespace gantry::container {

struct EnterPlan {
    const EnterRequest* request;
    os::Fd target;   // pidfd of the container's first process
    os::Fd cgroup;   // cgroup.procs to write to, if any
    os::Fd channel;  // SOCK_SEQPACKET to the caller: "started PID" + pidfd, "terminal" + fd, a failure; ends with exec
    os::Fd outcome;  // the same, the guide's alone: "exited STATUS"; the caller lets go of it to detach
    std::array<os::Fd, 3> stdio;
    int namespaces = 0;          // CLONE_NEW*
    dev_t host_root_device = 0;  // where nobody may end up
    ino_t host_root_inode = 0;
};

// The guide's life; its exit status.
int run_guide(EnterPlan& plan);

// An Error as one message, and back (nothing where it is no such message).
std::string encode_failure(const Error& failure);
std::optional<Error> decode_failure(const std::string& message);

}  // namespace gantry::container
