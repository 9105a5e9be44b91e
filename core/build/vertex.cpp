#include "build/vertex.hpp"

namespace gantry::build {

namespace {

constexpr std::size_t tail_limit = 16U << 10;

}  // namespace

void Reporter::send(const Event& event) {
    if (!events_) return;
    const std::lock_guard lock(mutex_);
    events_(event);
}

void Reporter::notice(std::string text) {
    Event event;
    event.text = std::move(text);
    send(event);
}

Vertex::Vertex(Reporter& reporter, std::string name)
    : reporter_(reporter), number_(reporter.next()), name_(std::move(name)), start_(std::chrono::steady_clock::now()) {
    Event event{.kind = Event::Kind::started, .vertex = number_};
    event.name = name_;
    reporter_.send(event);
}

Vertex::~Vertex() {
    if (!ended_) end(Event::Kind::failed, "broken off");
}

std::string Vertex::last_lines(std::size_t count) const {
    std::size_t at = tail_.size();
    for (std::size_t lines = 0; at > 0; --at)
        if (tail_[at - 1] == '\n' && at != tail_.size() && ++lines == count) break;
    std::string text = tail_.substr(at);
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    return text;
}

void Vertex::output(std::string_view text, bool error_stream) {
    tail_ += text;
    if (tail_.size() > 2 * tail_limit) tail_.erase(0, tail_.size() - tail_limit);
    Event event{.kind = Event::Kind::output, .vertex = number_};
    event.text = text;
    event.error_stream = error_stream;
    event.elapsed = std::chrono::steady_clock::now() - start_;
    reporter_.send(event);
}

void Vertex::status(std::string text, std::uint64_t current, std::uint64_t total) {
    Event event{.kind = Event::Kind::status, .vertex = number_};
    event.text = std::move(text);
    event.current = current;
    event.total = total;
    event.elapsed = std::chrono::steady_clock::now() - start_;
    reporter_.send(event);
}

void Vertex::end(Event::Kind kind, std::string text) {
    ended_ = true;
    Event event{.kind = kind, .vertex = number_};
    event.name = name_;
    event.text = std::move(text);
    event.elapsed = std::chrono::steady_clock::now() - start_;
    reporter_.send(event);
}

void Vertex::cached() { end(Event::Kind::cached, ""); }
void Vertex::done() { end(Event::Kind::done, ""); }
void Vertex::failed(const Error& error) { end(Event::Kind::failed, error.message()); }

}  // namespace gantry::build
