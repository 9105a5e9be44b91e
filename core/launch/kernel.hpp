// The few kernel calls that only a start needs.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

namespace gantry::launch {

// poll(2) on a pidfd: whether the process has ended. timeout in milliseconds, -1 for ever.
bool wait_process(int process, int timeout);

// setns(2) with a pidfd (kernel 5.8) or a namespace's descriptor. what: for the error.
Result<> enter_namespaces(int descriptor, int flags, std::string_view what);

// The folder of the calling process' cgroup (v2).
Result<std::string> own_cgroup();

// Every signal has its default action again and none is blocked: what a payload starts with.
void reset_signals();

}  // namespace gantry::launch
