#include "bus/workers.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace gantry::bus {

Workers::Workers() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        queue_.clear();
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Workers::post(Task task) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
    if (queue_.size() > idle_ && threads_.size() < thread_limit) threads_.emplace_back([this] { work(); });
    changed_.notify_one();
}

std::size_t Workers::busy() {
    const std::lock_guard lock(mutex_);
    return queue_.size() + running_ + main_queue_.size();
}

void Workers::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) return;
        Task task = std::move(queue_.front());
        queue_.pop_front();
        ++running_;
        lock.unlock();
        task();
        task = nullptr;  // what it captured goes now, not when the next one comes
        lock.lock();
        --running_;
    }
}

void Workers::post_main(Task task) {
    {
        const std::lock_guard lock(mutex_);
        main_queue_.push_back(std::move(task));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = write(wake_.get(), &one, sizeof one);
}

void Workers::run_main() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);
    std::deque<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(main_queue_);
    }
    for (Task& task : tasks) task();
}

}  // namespace gantry::bus
