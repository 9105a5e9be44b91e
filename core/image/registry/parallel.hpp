// Several layers of an image at once, what stops them, and what is told of them meanwhile.
#pragma once

#include "base/digest.hpp"
#include "image/transfer.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>

namespace gantry::image::registry {

// What stops a pull or push: its user, or the first of its layers that failed.
struct StopSign {
    const std::atomic<bool>* user = nullptr;
    std::atomic<bool> failed = false;
    [[nodiscard]] bool cancelled() const { return failed || (user && *user); }
};

// work(0) to work(count - 1), `jobs` at once (at most 64). The first error stops the rest and is returned.
Result<> in_parallel(std::size_t count, unsigned jobs, StopSign& stop, const std::function<Result<>(std::size_t)>& work);
// How many run at once.
std::size_t threads_of(std::size_t count, unsigned jobs);

// As Docker shows layers.
inline std::string short_digest(const Digest& digest) { return std::string(digest.hex().substr(0, 12)); }

// Calls the user's function from one thread at a time.
class Reporter {
public:
    explicit Reporter(ProgressFn report) : report_(std::move(report)) {}
    void line(const std::string& status) { layer("", status); }
    void layer(const std::string& layer, const std::string& status, std::uint64_t current = 0, std::uint64_t total = 0) {
        if (!report_) return;
        const std::scoped_lock lock(mutex_);
        report_({layer, status, current, total});
    }

private:
    ProgressFn report_;
    std::mutex mutex_;
};

// How far one layer is, ten times a second and at its end.
class LayerProgress {
public:
    LayerProgress(Reporter& reporter, std::string layer) : reporter_(reporter), layer_(std::move(layer)) {}
    void at(const char* status, std::uint64_t current, std::uint64_t total);

private:
    Reporter& reporter_;
    const std::string layer_;
    std::chrono::steady_clock::time_point told_{};
};

}  // namespace gantry::image::registry
