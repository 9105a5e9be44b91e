#include "image/registry/parallel.hpp"

#include <algorithm>
#include <thread>

namespace gantry::image::registry {

std::size_t threads_of(std::size_t count, unsigned jobs) { return std::min<std::size_t>(std::clamp(jobs, 1U, 64U), count); }

Result<> in_parallel(std::size_t count, unsigned jobs, StopSign& stop, const std::function<Result<>(std::size_t)>& work) {
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    std::optional<Error> first;
    const auto run = [&] {
        for (std::size_t at = next++; at < count && !stop.cancelled(); at = next++) {
            auto done = work(at);
            if (done.ok()) continue;
            const std::scoped_lock lock(mutex);
            if (!first || first->code() == Errc::cancelled) first = std::move(done).error();
            stop.failed = true;
        }
    };
    std::vector<std::jthread> threads;
    for (std::size_t at = 1; at < threads_of(count, jobs); ++at) threads.emplace_back(run);
    run();
    threads.clear();
    stop.failed = false;  // it was for the others of this call
    if (first) return std::move(*first);
    if (stop.cancelled()) return error(Errc::cancelled, "cancelled");
    return {};
}

void LayerProgress::at(const char* status, std::uint64_t current, std::uint64_t total) {
    constexpr auto interval = std::chrono::milliseconds(100);
    const auto now = std::chrono::steady_clock::now();
    if (current < total && now - told_ < interval) return;
    told_ = now;
    reporter_.layer(layer_, status, current, total);
}

}  // namespace gantry::image::registry
