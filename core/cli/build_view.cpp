#include "cli/build_view.hpp"

#include "base/json.hpp"
#include "base/base64.hpp"
#include "base/units.hpp"
#include "cli/context.hpp"
#include "cli/terminal.hpp"
#include "image/hasher.hpp"

#include <unistd.h>

#include <cstdio>

namespace gantry::cli {

namespace {

using build::Event;

double seconds(std::chrono::steady_clock::duration span) { return std::chrono::duration<double>(span).count(); }

void put(const std::string& text) { std::fputs(text.c_str(), stderr); }

std::size_t columns() {
    const std::size_t width = window_size(STDERR_FILENO).second;
    return width > 20 ? width : 80;
}

// What a command wrote must not move the cursor about.
std::string printable(std::string_view text) {
    std::string clean;
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') clean += c;
    return clean;
}

std::string cut(std::string text, std::size_t width) {
    if (text.size() > width) text.resize(width);
    return text;
}

std::string now() {
    return docker_time(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

}  // namespace

std::optional<BuildView::Form> BuildView::parse(const std::string& text) {
    if (text == "auto") return isatty(STDERR_FILENO) ? Form::terminal : Form::plain;
    if (text == "plain") return Form::plain;
    if (text == "tty") return Form::terminal;
    if (text == "rawjson") return Form::json;
    if (text == "quiet" || text == "none") return Form::none;
    return std::nullopt;
}

BuildView::~BuildView() {
    if (form_ == Form::terminal) erase();
    std::fflush(stderr);
}

void BuildView::show(const Event& event) {
    switch (form_) {
    case Form::none:
        // Why it failed is no progress.
        if (event.kind == Event::Kind::notice && event.text.starts_with("------")) put(event.text);
        return;
    case Form::plain: show_plain(event); break;
    case Form::terminal: show_terminal(event); break;
    case Form::json: show_json(event); break;
    }
    std::fflush(stderr);
}

// Whole lines; the rest waits for its end.
std::vector<std::string> BuildView::lines_of(Line& line, const Event& event) {
    std::string& pending = line.pending[event.error_stream ? 1 : 0];
    std::vector<std::string> whole;
    pending += event.text;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
        std::string text = pending.substr(0, end);
        pending.erase(0, end + 1);
        // A progress bar writes over itself: its last state.
        while (text.ends_with('\r')) text.pop_back();
        whole.push_back(printable(text.substr(text.rfind('\r') + 1)));
    }
    if (pending.size() > 65536) whole.push_back(printable(std::exchange(pending, "")));
    return whole;
}

void BuildView::turn_to(std::size_t vertex) {
    if (vertex == current_) return;
    if (current_ != 0) put("\n");
    current_ = vertex;
    put(fmt::format("#{} {}\n", vertex, printable(lines_[vertex].name)));
}

void BuildView::show_plain(const Event& event) {
    if (event.kind == Event::Kind::notice) {
        put((current_ != 0 ? "\n" : "") + event.text);
        current_ = 0;
        return;
    }
    Line& line = lines_[event.vertex];
    if (event.kind == Event::Kind::started) line.name = event.name;
    turn_to(event.vertex);
    switch (event.kind) {
    case Event::Kind::output:
        for (const std::string& text : lines_of(line, event))
            put(fmt::format("#{} {:.3f} {}\n", event.vertex, seconds(event.elapsed), text));
        break;
    case Event::Kind::status:
        if (line.seen.text != event.text) put(fmt::format("#{} {}\n", event.vertex, printable(event.text)));
        line.seen = event;
        break;
    case Event::Kind::cached: put(fmt::format("#{} CACHED\n", event.vertex)); break;
    case Event::Kind::done:
        for (const std::string& rest : line.pending)
            if (!rest.empty()) put(fmt::format("#{} {:.3f} {}\n", event.vertex, seconds(event.elapsed), printable(rest)));
        put(fmt::format("#{} DONE {:.1f}s\n", event.vertex, seconds(event.elapsed)));
        break;
    case Event::Kind::failed:
        put(fmt::format("#{} {} {}\n", event.vertex,
                        event.text == "cancelled" ? "CANCELED" : "ERROR:", event.text == "cancelled" ? "" : event.text));
        break;
    default: break;
    }
}

void BuildView::erase() {
    if (drawn_ > 0) put(fmt::format("\033[{}A\033[J", drawn_));
    drawn_ = 0;
}

void BuildView::draw() {
    erase();
    const std::size_t width = columns() - 1;
    for (const auto& [vertex, line] : lines_) {
        std::string text = fmt::format(" => {}  {:.1f}s", printable(line.name), seconds(line.seen.elapsed));
        if (line.seen.total > 0) text += fmt::format("  {} / {}", human_size(line.seen.current), human_size(line.seen.total));
        put(cut(std::move(text), width) + "\n");
        ++drawn_;
        for (const std::string& last : line.last) {
            put(cut(" => => # " + last, width) + "\n");
            ++drawn_;
        }
    }
    drawn_at_ = std::chrono::steady_clock::now();
}

void BuildView::show_terminal(const Event& event) {
    using Kind = Event::Kind;
    if (event.kind == Kind::notice) {
        erase();
        put(event.text);
        return draw();
    }
    Line& line = lines_[event.vertex];
    line.seen = event;
    if (event.kind == Kind::started) line.name = event.name;
    if (event.kind == Kind::output) {
        for (std::string& text : lines_of(line, event)) line.last.push_back(std::move(text));
        if (line.last.size() > 5) line.last.erase(line.last.begin(), line.last.end() - 5);
    }
    const bool ended = event.kind == Kind::cached || event.kind == Kind::done || event.kind == Kind::failed;
    if (!ended && std::chrono::steady_clock::now() - drawn_at_ < std::chrono::milliseconds(100)) return;
    if (ended) {
        erase();
        const char* mark = event.kind == Kind::cached ? "CACHED " : event.kind == Kind::failed ? "ERROR " : "";
        put(cut(fmt::format(" => {}{}  {:.1f}s", mark, printable(line.name), seconds(event.elapsed)), columns() - 1) + "\n");
        lines_.erase(event.vertex);
    }
    draw();
}

// github.com/moby/buildkit/client SolveStatus, as `docker build --progress=rawjson` prints it.
void BuildView::show_json(const Event& event) {
    using Kind = Event::Kind;
    Line& line = lines_[event.vertex];
    if (event.kind == Kind::started) line.name = event.name;
    const std::string digest = image::digest_of(fmt::format("{} {}", event.vertex, line.name)).str();
    const std::string time = now();
    Json json;
    if (event.kind == Kind::output) {
        json["logs"] = {{{"vertex", digest},
                         {"stream", event.error_stream ? 2 : 1},
                         {"data", base64_encode(event.text)},
                         {"timestamp", time}}};
    } else if (event.kind == Kind::status) {
        json["statuses"] = {
            {{"id", event.text}, {"vertex", digest}, {"current", event.current}, {"total", event.total}, {"timestamp", time}}};
    } else if (event.kind == Kind::notice) {
        json["warnings"] = {{{"level", 1}, {"short", base64_encode(event.text)}}};
    } else {
        if (event.kind == Kind::started) line.pending[0] = time;
        Json vertex{{"digest", digest}, {"name", line.name}, {"started", line.pending[0]}};
        if (event.kind != Kind::started) vertex["completed"] = time;
        if (event.kind == Kind::cached) vertex["cached"] = true;
        if (event.kind == Kind::failed) vertex["error"] = event.text;
        json["vertexes"] = {vertex};
    }
    put(dump_json(json) + "\n");
}

}  // namespace gantry::cli
