// What the launcher tells systemd (sd_notify(3)) and the journal. libsystemd is not linked: both protocols are a few lines of text
// on a socket, and loading the library with what it needs costs more than the rest of the launcher's own start.
#pragma once

#include "os/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace gantry::launch {

class Notifier {
public:
    // Connects to $NOTIFY_SOCKET; without it (run by hand) every call does nothing.
    static Result<Notifier> connect();
    // "READY=1\nMAINPID=7"
    Result<> send(const std::string& state) const;

private:
    os::Fd socket_;
};

// A stream to the journal of its own for standard error, so that it can be told from standard output: priority 3 (err), as
// Docker's journald driver has it. The header's seven lines are those of systemd's src/journal/journald-stream.c; journald takes
// unit and further fields from the cgroup of who connects.
Result<os::Fd> open_journal_stream(const std::string& identifier, int priority);

}  // namespace gantry::launch
