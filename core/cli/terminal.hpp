// The user's terminal and a container's streams: raw mode, window size, detach keys, and the loop that copies.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <termios.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::cli {

// Raw mode for as long as it lives (what docker's clients set: cfmakeraw(3) with output processing kept off).
class RawTerminal {
public:
    static Result<RawTerminal> enter(int terminal);
    RawTerminal(RawTerminal&& other) noexcept;
    RawTerminal& operator=(RawTerminal&&) = delete;
    ~RawTerminal();

private:
    RawTerminal(int terminal, const termios& before) : terminal_(terminal), before_(before) {}
    int terminal_;
    termios before_;
};

// Keys that detach: "ctrl-p,ctrl-q" (the default), any comma-separated list of single characters and ctrl-a ... ctrl-z, ctrl-@,
// ctrl-[, ctrl-\\, ctrl-], ctrl-^, ctrl-_ as docker's --detach-keys.
class DetachKeys {
public:
    static Result<DetachKeys> parse(std::string_view text);  // empty: the default

    // What of the input goes on to the container; keys that may be the start of the sequence are held back until the next ones
    // decide. Nothing more is read after detached().
    std::string filter(std::string_view input);
    [[nodiscard]] bool detached() const { return matched_ == keys_.size(); }

private:
    explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
    std::string keys_;
    std::size_t matched_ = 0;  // of keys_, at the end of what was read
};

// What copy_streams() connects. Descriptors stay the caller's, but for remote_input, which is closed at the end of the input.
struct Streams {
    int input = -1;  // the user's; -1: none
    int output = -1, errors = -1;
    os::Fd* remote_input = nullptr;              // a pipe's write end; nullptr where the terminal carries it
    int remote_output = -1, remote_errors = -1;  // pipes' read ends; -1: none
    int terminal = -1;  // a pty's master in place of the three; window sizes follow the terminal on `input` or `output`
    int process = -1;   // a pidfd: its end ends the copying when what it wrote has been copied
    std::optional<DetachKeys> detach;
    std::function<void(int)>
        on_signal;  // SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 of ours; none: they do what they do
    std::function<void(bool errors, std::string_view data)> copied;  // told of everything that came from the container
};

enum class CopyEnd { process_ended, streams_ended, detached };
// Copies until the process ends, every stream of the container has ended, or the user detaches. The container's ends are made
// non-blocking; the user's are not (they may be shared with a shell). Meant for a program with one thread: signals are blocked
// and restored.
Result<CopyEnd> copy_streams(Streams streams);

// Rows and columns of a terminal; 0, 0 where it has none.
std::pair<unsigned short, unsigned short> window_size(int terminal);

}  // namespace gantry::cli
