// The kernel calls that entering needs: a clone with a pidfd, and messages with descriptors between its processes.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::container {

struct ClonedChild {
    pid_t pid = 0;  // as the caller's PID namespace sees it
    os::Fd pidfd;
};

// clone3(2) with flags (CLONE_NEW*) and CLONE_PIDFD, as fork(2) otherwise: the child runs body in a copy of the caller's memory
// and ends with its result. The caller must have one thread.
Result<ClonedChild> clone_child(std::uint64_t flags, const std::function<int()>& body);

// pidfd_open(2); pidfd_send_signal(2).
Result<os::Fd> open_process(pid_t pid);
Result<> signal_process(int pidfd, int signal);

// A connected pair of SOCK_SEQPACKET sockets: whole messages, and an end that both sides notice.
Result<std::pair<os::Fd, os::Fd>> make_channel();

// A message with at most one descriptor. An empty text: the other side is gone.
struct ChannelMessage {
    std::string text;
    os::Fd fd;
};
Result<> tell(int channel, std::string_view text, int fd = -1);
Result<ChannelMessage> hear(int channel);

}  // namespace gantry::container
