// What has been done so far and how it is undone, newest first, unless the start succeeds.
#pragma once

#include <functional>
#include <vector>

namespace gantry::launch {

class Undo {
public:
    Undo() = default;
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() { run(); }
    void push(std::function<void()> step) { steps_.push_back(std::move(step)); }
    // Now, while everything that the steps refer to is there: an Undo that was made first is destroyed last.
    void run() {
        while (!steps_.empty()) {
            const auto step = std::move(steps_.back());
            steps_.pop_back();
            step();
        }
    }
    void dismiss() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

}  // namespace gantry::launch
