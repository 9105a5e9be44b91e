#include "cli/progress.hpp"

#include "base/units.hpp"

#include <cstdio>
#include <unistd.h>

namespace gantry::cli {

std::string progress_bar(std::uint64_t current, std::uint64_t total, std::size_t columns) {
    const std::size_t inner = std::min<std::size_t>(50, columns > 40 ? columns - 40 : 10);
    const std::size_t done = total ? std::min<std::size_t>(inner, current * inner / total) : 0;
    std::string bar = "[" + std::string(done, '=') + ">" + std::string(inner - done, ' ') + "]";
    return total ? fmt::format("{}  {}/{}", bar, human_size(current), human_size(total)) : human_size(current);
}

namespace {

// States that have a bar.
bool is_moving(const std::string& status) {
    return status == "Downloading" || status == "Extracting" || status == "Pushing" || status == "Compressing";
}

}  // namespace

ProgressView::ProgressView(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressView::~ProgressView() = default;

image::ProgressFn ProgressView::callback() {
    return [this](const image::Progress& progress) { show(progress); };
}

void ProgressView::show(const image::Progress& progress) {
    if (quiet_) return;
    const std::lock_guard lock(mutex_);
    if (progress.layer.empty()) {
        std::fprintf(stderr, "%s\n", progress.status.c_str());
        return;
    }
    const auto known = line_of_.find(progress.layer);
    const bool changed = known == line_of_.end() || lines_[known->second].status != progress.status;
    if (!terminal_) {
        // Without a terminal only what happens is told, not how far it is.
        if (changed && !is_moving(progress.status))
            std::fprintf(stderr, "%s: %s\n", progress.layer.c_str(), progress.status.c_str());
        if (known == line_of_.end()) {
            line_of_[progress.layer] = lines_.size();
            lines_.push_back(progress);
        } else {
            lines_[known->second] = progress;
        }
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (known == line_of_.end()) {
        line_of_[progress.layer] = lines_.size();
        lines_.push_back(progress);
        std::fputc('\n', stderr);
    } else {
        lines_[known->second] = progress;
        if (!changed && now - drawn_[progress.layer] < std::chrono::milliseconds(100)) return;
    }
    drawn_[progress.layer] = now;
    draw(line_of_[progress.layer]);
}

void ProgressView::draw(std::size_t line) {
    const auto& progress = lines_[line];
    std::string text = fmt::format("{}: {}", progress.layer, progress.status);
    if (progress.current && is_moving(progress.status)) text += " " + progress_bar(progress.current, progress.total, 100);
    const std::size_t up = lines_.size() - line;
    std::fprintf(stderr, "\033[%zuA\r\033[K%s\033[%zuB\r", up, text.c_str(), up);
    std::fflush(stderr);
}

}  // namespace gantry::cli
