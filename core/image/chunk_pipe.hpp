// A bounded queue of buffers between two threads. Used buffers go back and are filled again.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace gantry::image {

inline constexpr std::size_t chunk_size = 256U << 10;  // large enough for few wake-ups, small enough for the second-level cache

struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }
    [[nodiscard]] std::size_t room() const { return chunk_size - size; }
};

class ChunkPipe {
public:
    // An empty buffer of chunk_size.
    Chunk blank() {
        const std::lock_guard lock(mutex_);
        if (spare_.empty()) return Chunk{std::unique_ptr<char[]>(new char[chunk_size]), 0};
        Chunk chunk = std::move(spare_.back());
        spare_.pop_back();
        chunk.size = 0;
        return chunk;
    }

    // Waits while the queue is full; false when the reader has given up.
    bool push(Chunk chunk) {
        std::unique_lock lock(mutex_);
        writable_.wait(lock, [&] { return broken_ || queue_.size() < capacity; });
        if (broken_) return false;
        queue_.push_back(std::move(chunk));
        readable_.notify_one();
        return true;
    }

    // Waits while the queue is empty; nothing at the end, or when the writer gave up: broken() tells.
    std::optional<Chunk> pop() {
        std::unique_lock lock(mutex_);
        readable_.wait(lock, [&] { return broken_ || ended_ || !queue_.empty(); });
        if (broken_ || queue_.empty()) return std::nullopt;
        Chunk chunk = std::move(queue_.front());
        queue_.pop_front();
        writable_.notify_one();
        return chunk;
    }

    void give_back(Chunk chunk) {
        const std::lock_guard lock(mutex_);
        if (chunk.bytes && spare_.size() < capacity) spare_.push_back(std::move(chunk));
    }

    // The writer's last word.
    void end() {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        readable_.notify_all();
    }

    // Either side gives up: the other one's waiting is over.
    void break_off() {
        const std::lock_guard lock(mutex_);
        broken_ = true;
        readable_.notify_all();
        writable_.notify_all();
    }

    [[nodiscard]] bool broken() const {
        const std::lock_guard lock(mutex_);
        return broken_;
    }

private:
    static constexpr std::size_t capacity = 8;
    mutable std::mutex mutex_;
    std::condition_variable readable_, writable_;
    std::deque<Chunk> queue_;
    std::vector<Chunk> spare_;
    bool ended_ = false, broken_ = false;
};

}  // namespace gantry::image
