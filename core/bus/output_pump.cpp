#include "bus/output_pump.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace gantry::bus {

namespace {

Result<> write_piece(int target, const char* data, std::size_t size, const std::atomic<bool>& cancel) {
    for (std::size_t at = 0; at < size;) {
        pollfd ready{target, POLLOUT, 0};
        if (cancel) return error(Errc::cancelled, "cancelled");
        if (poll(&ready, 1, 50) <= 0) continue;
        // A pipe that is ready takes so much at once, whatever its flags are (pipe(7)).
        const ssize_t put = write(target, data + at, std::min<std::size_t>(size - at, PIPE_BUF));
        if (put < 0 && errno != EINTR && errno != EAGAIN) return errno_error("write the archive");
        if (put > 0) at += static_cast<std::size_t>(put);
    }
    return {};
}

Result<> pump(int from, int target, const std::atomic<bool>& cancel) {
    char buffer[65536];
    for (;;) {
        const ssize_t got = read(from, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read the archive");
        if (got == 0) return {};
        TRY(write_piece(target, buffer, static_cast<std::size_t>(got), cancel));
    }
}

}  // namespace

Result<OutputPump> OutputPump::start(const os::Fd& target, const std::atomic<bool>& cancel) {
    auto state = std::make_unique<State>();
    state->pipe = TRY(os::make_pipe());
    state->thread = std::thread([own = state.get(), to = target.get(), &cancel] {
        own->result = pump(own->pipe.read.get(), to, cancel);
        own->pipe.read.reset();
    });
    return OutputPump(std::move(state));
}

OutputPump::~OutputPump() {
    if (state_) [[maybe_unused]]
        const auto ended = finish();
}

Result<> OutputPump::finish() {
    state_->pipe.write.reset();
    if (state_->thread.joinable()) state_->thread.join();
    return state_->result;
}

}  // namespace gantry::bus
