// What work writes, on its way to a caller's descriptor: a reader that stops reading holds up nobody who wants to end.
#pragma once

#include "os/pipe.hpp"

#include <atomic>
#include <thread>

namespace gantry::bus {

class OutputPump {
public:
    // target: of the caller, who keeps its flags; it stays open as long as the pump. cancel is looked at every 50 ms.
    static Result<OutputPump> start(const os::Fd& target, const std::atomic<bool>& cancel);
    OutputPump(OutputPump&&) noexcept = default;
    OutputPump& operator=(OutputPump&&) = delete;
    ~OutputPump();

    // What is written here arrives there; EPIPE once it cannot any more.
    [[nodiscard]] int input() const { return state_->pipe.write.get(); }
    // Waits until everything has arrived: why it did not.
    Result<> finish();

private:
    struct State {
        os::Pipe pipe;
        Result<> result;
        std::thread thread;
    };
    explicit OutputPump(std::unique_ptr<State> state) : state_(std::move(state)) {}
    std::unique_ptr<State> state_;
};

}  // namespace gantry::bus
