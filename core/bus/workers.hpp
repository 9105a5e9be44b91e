// Threads for work that takes its time, and the queue by which they hand results to the one thread that serves the bus.
#pragma once

#include "os/fd.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gantry::bus {

using Task = std::function<void()>;

class Workers {
public:
    Workers();
    // Waits for what runs; what is still queued is dropped.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Runs the task on some thread. More than thread_limit at once wait for their turn.
    void post(Task task);
    // Tasks queued or running.
    [[nodiscard]] std::size_t busy();

    // From any thread: the task runs in run_main(), which the main loop calls when main_fd() is readable.
    void post_main(Task task);
    [[nodiscard]] int main_fd() const { return wake_.get(); }
    void run_main();

    static constexpr std::size_t thread_limit = 32;

private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Task> queue_, main_queue_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0, running_ = 0;
    bool ending_ = false;
    os::Fd wake_;  // eventfd(2)
};

}  // namespace gantry::bus
