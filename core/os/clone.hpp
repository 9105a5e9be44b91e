// clone3, pidfds, descriptors that must not be inherited.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace gantry::os {

struct Child {
    pid_t pid = 0;  // as the caller's PID namespace sees it
    Fd pidfd;
};

// clone3(2) with flags (CLONE_NEW*, CLONE_PARENT) and CLONE_PIDFD, as fork(2) otherwise: the child runs body in a copy of the
// caller's memory and ends with its result. The caller should have one thread.
Result<Child> clone_process(std::uint64_t flags, const std::function<int()>& body);

// pidfd_open(2).
Result<Fd> open_pidfd(pid_t pid);
Result<> signal_pidfd(int pidfd, int signal);

// Every descriptor from `first` on becomes close-on-exec, but those in keep (close_range(2), kernel 5.11).
Result<> close_on_exec_from(unsigned first, const std::vector<int>& keep = {});

}  // namespace gantry::os
