// net top: what containers talk to right now, busiest first.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/interrupt.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/traffic.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

namespace gantry::cli {

namespace {

constexpr std::size_t plot_width = 20;  // samples

struct TopOptions {
    std::string container, format, interval = "1s";
    bool no_stream = false;
};

void declare_top(Verb& verb, TopOptions& options) {
    verb.add_option("CONTAINER", options.container, "only this one's");
    verb.add_option("-d,--delay", options.interval, "time from one look to the next").value("TIME");
    verb.add_flag("--no-stream", options.no_stream, "one interval, then end");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.usage("q ends it.");
}

const Listing rate_listing{
    {{"Connections", "CONN/S"},
     {"Container", "CONTAINER"},
     {"Direction", "DIRECTION"},
     {"Open", "OPEN"},
     {"Packets", "PACKETS/S"},
     {"Peer", "PEER"},
     {"Plot", "LAST"},
     {"Port", "PORT"},
     {"Received", "RECEIVED/S"},
     {"Retransmits", "RETRANS/S"},
     {"Sent", "SENT/S"}},
    "{{.Container}}\t{{.Direction}}\t{{.Peer}}\t{{.Port}}\t{{.Open}}\t{{.Connections}}\t{{.Sent}}\t{{.Received}}\t"
    "{{.Retransmits}}\t{{.Plot}}",
    "Peer"};

// Blocks of one eighth to eight eighths (U+2581 to U+2588), the highest sample as the full one; nothing is a blank.
std::string plot(const std::deque<double>& samples) {
    const double highest = samples.empty() ? 0 : *std::ranges::max_element(samples);
    std::string text(plot_width - std::min(plot_width, samples.size()), ' ');
    for (const double sample : samples) {
        const int eighths = highest > 0 ? static_cast<int>(sample / highest * 8 + 0.5) : 0;
        if (eighths == 0)
            text += sample > 0 ? "\xe2\x96\x81" : " ";
        else
            text += fmt::format("\xe2\x96{}", static_cast<char>(0x80 + eighths));
    }
    return text;
}

struct Line {
    container::Traffic last;
    std::deque<double> bytes;  // a second, oldest first
    double sent = 0, received = 0, packets = 0, opened = 0, retransmits = 0;
    bool there = false;
};

class Rates {
public:
    // The first look only gives what to count from.
    void look(std::vector<container::Traffic> all) {
        const auto now = std::chrono::steady_clock::now();
        const double passed = std::chrono::duration<double>(now - at_).count();
        for (auto& [key, line] : lines_) line.there = false;
        for (container::Traffic& one : all) {
            const std::string key(reinterpret_cast<const char*>(&one.key), sizeof one.key);
            auto [found, fresh] = lines_.try_emplace(key);
            Line& line = found->second;
            // What appeared since the last look began at nothing.
            const insight_peer before = fresh ? insight_peer{} : line.last.counters;
            line.there = true;
            if (!first_) {
                const insight_peer& after = one.counters;
                const auto rate = [&](std::uint64_t from, std::uint64_t to) {
                    return to > from ? static_cast<double>(to - from) / passed : 0;
                };
                line.sent = rate(before.bytes[INSIGHT_OUT], after.bytes[INSIGHT_OUT]);
                line.received = rate(before.bytes[INSIGHT_IN], after.bytes[INSIGHT_IN]);
                line.packets = rate(before.packets[0] + before.packets[1], after.packets[0] + after.packets[1]);
                line.opened = rate(before.opened, after.opened);
                line.retransmits = rate(before.retransmits, after.retransmits);
                line.bytes.push_back(line.sent + line.received);
                if (line.bytes.size() > plot_width) line.bytes.pop_front();
            }
            line.last = std::move(one);
        }
        std::erase_if(lines_, [](const auto& entry) { return !entry.second.there; });
        at_ = now;
        first_ = false;
    }

    // Busiest first: by bytes, then by what was busy at all within the plot, then the newest.
    [[nodiscard]] std::vector<const Line*> busiest() const {
        std::vector<const Line*> out;
        for (const auto& [key, line] : lines_) out.push_back(&line);
        std::ranges::sort(out, std::ranges::greater(), [](const Line* line) {
            double recent = 0;
            for (const double sample : line->bytes) recent += sample;
            return std::tuple(line->sent + line->received, recent, line->last.counters.last_ns);
        });
        return out;
    }

private:
    std::map<std::string, Line> lines_;
    std::chrono::steady_clock::time_point at_;
    bool first_ = true;
};

Json row_of(const Line& line) {
    const auto& key = line.last.key;
    return {{"Connections", fmt::format("{:.1f}", line.opened)},
            {"Container", line.last.container},
            {"Direction", container::traffic_direction(key.direction)},
            {"Open", key.protocol == 6 ? std::to_string(line.last.open) : ""},
            {"Packets", fmt::format("{:.1f}", line.packets)},
            {"Peer", line.last.peer},
            {"Plot", plot(line.bytes)},
            {"Port", container::port_text(key.protocol, key.port)},
            {"Received", human_size(static_cast<std::uint64_t>(line.received))},
            {"Retransmits", key.protocol == 6 ? fmt::format("{:.1f}", line.retransmits) : ""},
            {"Sent", human_size(static_cast<std::uint64_t>(line.sent))}};
}

// Waits for the next look; true: the user wants to end.
Result<bool> wait_for_key(int terminal, std::chrono::milliseconds time) {
    pollfd key{terminal, POLLIN, 0};
    const int ready = poll(&key, terminal < 0 ? 0 : 1, static_cast<int>(time.count()));
    if (ready < 0 && errno != EINTR) return errno_error("wait for a key");
    if (ready <= 0) return false;
    char pressed = 0;
    const ssize_t got = read(terminal, &pressed, 1);
    return got <= 0 || pressed == 'q' || pressed == 'Q' || pressed == 3 /* Ctrl-C, as raw mode has it */;
}

Result<int> run_top(Context& context, TopOptions& options) {
    auto* engine = TRY(context.engine());
    const std::string only = options.container.empty() ? "" : TRY(engine->container(options.container)).name.str();
    const auto interval =
        std::chrono::duration_cast<std::chrono::milliseconds>(TRY_CONTEXT(parse_duration(options.interval), "--delay"));
    if (interval.count() < 100 || interval.count() > 3'600'000)
        return error(Errc::invalid, "--delay: '{}' is not between 100ms and 1h", options.interval);
    const bool screen = isatty(STDOUT_FILENO) == 1 && !options.no_stream && options.format.empty();
    std::optional<RawTerminal> raw;
    if (screen && isatty(STDIN_FILENO) == 1) raw.emplace(TRY(RawTerminal::enter(STDIN_FILENO)));
    const auto& stop = stop_on_interrupt();
    Rates rates;
    rates.look(TRY(container::read_traffic(engine->paths(), only)));
    for (;;) {
        if (TRY(wait_for_key(raw ? STDIN_FILENO : -1, interval)) || stop) return 0;
        rates.look(TRY(container::read_traffic(engine->paths(), only)));
        std::vector<Json> rows;
        const std::size_t room = screen ? std::max<std::size_t>(window_size(STDOUT_FILENO).first, 4) - 2 : SIZE_MAX;
        for (const Line* line : rates.busiest())
            if (rows.size() < room) rows.push_back(row_of(*line));
        TRY(print((screen ? "\033[H\033[J" : "") + TRY(print_listing(rate_listing, {options.format, false}, rows))));
        if (options.no_stream) return 0;
    }
}

}  // namespace

void add_net_top_verb(Parents& parents, Context& context) {
    add_verb(parents.net, context, "top", "Show what containers talk to right now, busiest first", declare_top, run_top);
}

}  // namespace gantry::cli
