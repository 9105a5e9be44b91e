// The client's side of console/protocol.hpp.
#pragma once

#include "cli/terminal.hpp"

namespace gantry::cli {

// Attached; from_start: with what the terminal has shown so far. Errc::unavailable where nobody serves there.
Result<os::Fd> connect_console(const std::string& path, bool from_start);

// Our terminal on the container's until that is gone, the user detaches, or give_up (asked a few times a second, may be empty)
// says so. with_input: what is typed goes in, in raw mode where our input is a terminal.
Result<CopyEnd> copy_console(int socket, bool with_input, DetachKeys detach, const std::function<bool()>& give_up);

// Our standard input to the container's, in a thread that nobody waits for (reading may block for ever); keeps a descriptor of
// its own.
void feed_console(int socket);

}  // namespace gantry::cli
