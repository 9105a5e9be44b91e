// The progress of a transfer on standard error: one line per layer that moves while a terminal shows it, one line per event
// where none does. Docker's words.
#pragma once

#include "image/transfer.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace gantry::cli {

class ProgressView {
public:
    explicit ProgressView(bool quiet);
    ~ProgressView();
    // Called from any thread.
    void show(const image::Progress& progress);
    image::ProgressFn callback();

private:
    void draw(std::size_t line);

    std::mutex mutex_;
    bool quiet_, terminal_;
    std::vector<image::Progress> lines_;
    std::map<std::string, std::size_t> line_of_;
    std::map<std::string, std::chrono::steady_clock::time_point> drawn_;
};

// "[=====>      ]  12.3MB/45.6MB" in so many columns.
std::string progress_bar(std::uint64_t current, std::uint64_t total, std::size_t columns);

}  // namespace gantry::cli
