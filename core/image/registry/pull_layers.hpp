// The layers of one image, several at once.
#pragma once

#include "image/registry/blob_source.hpp"
#include "image/transfer.hpp"

#include <mutex>

namespace gantry::image::registry {

// What stops a pull: its user, or the first of its layers that failed.
struct StopSign {
    const std::atomic<bool>* user = nullptr;
    std::atomic<bool> failed = false;
    [[nodiscard]] bool cancelled() const { return failed || (user && *user); }
};

constexpr auto report_interval = std::chrono::milliseconds(100);

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

struct LayerJob {
    Descriptor blob;
    Digest diff_id;
    driver::LayerKey key, parent;
};

// repository: the image's, by the name that the store knows it by. sources: repositories to get blobs from, the preferred one
// first. jobs: how many layers at once. Of layers with a table of contents (zstd:chunked) only what no layer here has is
// fetched, where that pays. The caller has Store::hold().
Result<> pull_layers(Store& store, const std::string& repository, const std::vector<Repository*>& sources,
                     const std::vector<LayerJob>& layers, unsigned jobs, Reporter& reporter, StopSign& stop);

}  // namespace gantry::image::registry
