// One line of a build's progress, from its beginning to its end; and the numbers that they share.
#pragma once

#include "base/result.hpp"
#include "build/events.hpp"

#include <atomic>
#include <mutex>

namespace gantry::build {

class Reporter {
public:
    explicit Reporter(EventFn events) : events_(std::move(events)) {}
    void send(const Event& event);
    void notice(std::string text);
    [[nodiscard]] std::size_t next() { return ++last_; }

private:
    EventFn events_;
    std::mutex mutex_;
    std::atomic<std::size_t> last_ = 0;
};

class Vertex {
public:
    Vertex(Reporter& reporter, std::string name);
    ~Vertex();  // failed, if nothing was said

    void output(std::string_view text, bool error_stream);
    // The last lines of all output: what a failed command said.
    [[nodiscard]] std::string last_lines(std::size_t count) const;
    void status(std::string text, std::uint64_t current = 0, std::uint64_t total = 0);
    void cached();
    void done();
    void failed(const Error& error);
    // One or the other.
    template <class T>
    void end(const Result<T>& result) {
        result.ok() ? done() : failed(result.error());
    }

private:
    void end(Event::Kind kind, std::string text);

    Reporter& reporter_;
    std::size_t number_;
    std::string name_;
    std::chrono::steady_clock::time_point start_;
    std::string tail_;
    bool ended_ = false;
};

}  // namespace gantry::build
