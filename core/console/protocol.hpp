// What is said on <run>/console/NAME.sock (SOCK_SEQPACKET, mode 0600), one message a packet:
//     from gantry-launch   "console" + the terminal's master side; "stdin" + the writing end of a standard input without
//     terminal; "keep" + the terminal's other side, of a machine container: systemd closes and opens its console as it likes,
//     and the terminal must not end with that from a client        "attach" (or "attach-from-start": with what the terminal has
//     shown so far), then
//                          'i' BYTES  typed; 'w' ROWS ' ' COLUMNS  the window's size; 'c'  the input has ended
//     to a client          'o' BYTES  shown; the end of the connection: the terminal is gone
#pragma once

#include <cstddef>

namespace gantry::console {

constexpr std::size_t packet_bytes = 8192;  // of BYTES in one message, at most

}  // namespace gantry::console
