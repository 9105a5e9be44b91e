#include "bus/build_log.hpp"

#include "base/utf8.hpp"

namespace gantry::bus {

namespace {

constexpr std::size_t longest_line = 64U << 10;

std::uint32_t number(std::size_t vertex) { return static_cast<std::uint32_t>(vertex); }

}  // namespace

void BuildLog::take(const build::Event& event) {
    using Kind = build::Event::Kind;
    switch (event.kind) {
    case Kind::started: sinks_.step(number(event.vertex), valid_utf8(event.name), "started", ""); break;
    case Kind::output: output(event); break;
    case Kind::status:
        sinks_.progress({fmt::format("#{}", event.vertex), valid_utf8(event.text), event.current, event.total});
        break;
    case Kind::notice: sinks_.output(0, 2, valid_utf8(event.text)); break;
    case Kind::cached: end(event, "cached"); break;
    case Kind::done: end(event, "done"); break;
    case Kind::failed: end(event, "failed"); break;
    }
}

void BuildLog::output(const build::Event& event) {
    Pending& pending = pending_[event.vertex];
    std::string& text = pending.text[event.error_stream ? 1 : 0];
    text += event.text;
    const std::size_t whole = text.size() > longest_line ? text.size() : text.rfind('\n') + 1;  // npos + 1 is 0
    if (whole == 0) return;
    std::string rest = text.substr(whole);
    text.resize(whole);
    send(number(event.vertex), pending, event.error_stream ? 2 : 1, std::exchange(text, std::move(rest)));
}

void BuildLog::send(std::uint32_t step, Pending& pending, std::uint32_t stream, std::string text) {
    if (pending.clipped) return;
    pending.clipped = text.size() > step_limit - pending.sent;
    if (pending.clipped) text = text.substr(0, step_limit - pending.sent) + "\n[output clipped, log limit 2MiB reached]\n";
    pending.sent += text.size();
    sinks_.output(step, stream, valid_utf8(text));
}

void BuildLog::end(const build::Event& event, const char* state) {
    const std::uint32_t step = number(event.vertex);
    if (const auto found = pending_.find(event.vertex); found != pending_.end()) {
        for (const std::uint32_t stream : {1U, 2U})
            if (std::string& rest = found->second.text[stream - 1]; !rest.empty())
                send(step, found->second, stream, std::move(rest));
        pending_.erase(found);
    }
    sinks_.step(step, valid_utf8(event.name), state, valid_utf8(event.text));
}

}  // namespace gantry::bus
