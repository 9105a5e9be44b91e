#include "launch/kernel.hpp"

#include "container/controllers.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace gantry::launch {

bool wait_process(int process, int timeout) {
    pollfd waited{process, POLLIN, 0};
    for (;;) {
        const int got = poll(&waited, 1, timeout);
        if (got >= 0 || errno != EINTR) return got > 0;
    }
}

Result<> enter_namespaces(int descriptor, int flags, std::string_view what) {
    if (setns(descriptor, flags) != 0) return errno_error("enter the namespaces of {}", what);
    return {};
}

Result<std::string> own_cgroup() { return container::cgroup_folder("self"); }

void reset_signals() {
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace gantry::launch
