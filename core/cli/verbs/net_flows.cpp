// net flows: what containers talk to, now and as it happens.
#include "base/clock.hpp"
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/interrupt.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/traffic.hpp"

#include <ctime>

namespace gantry::cli {

namespace {

struct FlowsOptions {
    std::string container, format;
    bool denied = false, follow = false;
};

void declare_flows(Verb& verb, FlowsOptions& options) {
    verb.add_option("CONTAINER", options.container, "only this one's");
    verb.add_flag("-f,--follow", options.follow, "show connections and refusals as they happen");
    verb.add_flag("--denied", options.denied, "only what was denied");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing flow_listing{
    {{"Age", "AGE"},
     {"Bytes", "BYTES"},
     {"Container", "CONTAINER"},
     {"Count", "COUNT"},
     {"Direction", "DIRECTION"},
     {"Failed", "FAILED"},
     {"Latency", "LATENCY"},
     {"Open", "OPEN"},
     {"Packets", "PACKETS"},
     {"Peer", "PEER"},
     {"Port", "PORT"},
     {"Received", "RECEIVED"},
     {"Retransmits", "RETRANS"},
     {"Sent", "SENT"},
     {"Verdict", "VERDICT"},
     {"Why", "WHY"}},
    "{{.Container}}\t{{.Direction}}\t{{.Peer}}\t{{.Port}}\t{{.Verdict}}\t{{.Count}}\t{{.Open}}\t{{.Failed}}\t{{.Sent}}\t"
    "{{.Received}}\t{{.Retransmits}}\t{{.Latency}}\t{{.Age}}\t{{.Why}}",
    "Peer"};

const Listing event_listing{{{"Container", "CONTAINER"},
                             {"Count", "COUNT"},
                             {"Direction", "DIRECTION"},
                             {"Event", "EVENT"},
                             {"Peer", "PEER"},
                             {"Port", "PORT"},
                             {"Received", "RECEIVED"},
                             {"Retransmits", "RETRANS"},
                             {"Sent", "SENT"},
                             {"Time", "TIME"},
                             {"Took", "TOOK"},
                             {"Why", "WHY"}},
                            "",
                            "Peer"};

std::string milliseconds(std::uint64_t ns) { return fmt::format("{:.2f}ms", static_cast<double>(ns) / 1e6); }

std::string age_text(std::uint64_t last_ns) {
    const std::uint64_t now_ns = monotonic_ns();
    return fmt::format("{}s", now_ns < last_ns ? 0 : now_ns / 1'000'000'000 - last_ns / 1'000'000'000);
}

Json denial_row(const container::Denial& denial, const container::PeerNames& names) {
    const std::string count = std::to_string(denial.counted.count);
    return {{"Age", age_text(denial.counted.last_ns)},
            {"Bytes", ""},
            {"Container", denial.container},
            {"Count", count},
            {"Direction", container::direction_text(denial.key.direction)},
            {"Failed", ""},
            {"Latency", ""},
            {"Open", ""},
            {"Packets", count},
            {"Peer", denial.counted.reason == POLICY_NOT_LISTENED ? "" : names.of(denial.key.remote)},
            {"Port", container::port_text(denial.key.protocol, denial.key.port)},
            {"Received", ""},
            {"Retransmits", ""},
            {"Sent", ""},
            {"Verdict", "denied"},
            {"Why", container::reason_text(denial.counted.reason)}};
}

Json traffic_row(const container::Traffic& traffic) {
    const insight_peer& counted = traffic.counters;
    const bool tcp = traffic.key.protocol == 6;
    return {{"Age", age_text(counted.last_ns)},
            {"Bytes", std::to_string(counted.bytes[0] + counted.bytes[1])},
            {"Container", traffic.container},
            {"Count", std::to_string(counted.opened)},
            {"Direction", container::traffic_direction(traffic.key.direction)},
            {"Failed", tcp ? std::to_string(counted.failed) : ""},
            {"Latency", counted.answered == 0 ? "" : milliseconds(counted.answer_ns / counted.answered)},
            {"Open", tcp ? std::to_string(traffic.open) : ""},
            {"Packets", std::to_string(counted.packets[0] + counted.packets[1])},
            {"Peer", traffic.peer},
            {"Port", container::port_text(traffic.key.protocol, traffic.key.port)},
            {"Received", human_size(counted.bytes[INSIGHT_IN])},
            {"Retransmits", tcp ? std::to_string(counted.retransmits) : ""},
            {"Sent", human_size(counted.bytes[INSIGHT_OUT])},
            {"Verdict", "allowed"},
            {"Why", traffic.rule}};
}

const char* event_text(std::uint32_t kind) {
    switch (kind) {
    case INSIGHT_OPENED: return "opened";
    case INSIGHT_CLOSED: return "closed";
    case INSIGHT_FAILED: return "failed";
    default: return "denied";
    }
}

// The wall clock's time of a moment of CLOCK_MONOTONIC.
std::string time_text(std::uint64_t at_ns) {
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    const std::int64_t ago = static_cast<std::int64_t>(monotonic_ns()) - static_cast<std::int64_t>(at_ns);
    const std::int64_t at = wall.tv_sec * 1'000'000'000LL + wall.tv_nsec - ago;
    const time_t seconds = at / 1'000'000'000;
    tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:03}", local.tm_hour, local.tm_min, local.tm_sec, at / 1'000'000 % 1000);
}

Json event_row(const container::TrafficEvent& one) {
    const insight_event& event = one.event;
    const bool closed = event.kind == INSIGHT_CLOSED;
    return {{"Container", one.container},
            {"Count", std::to_string(one.times)},
            {"Direction", container::traffic_direction(event.peer.direction)},
            {"Event", event_text(event.kind)},
            {"Peer", one.peer},
            {"Port", container::port_text(event.peer.protocol, event.peer.port)},
            {"Received", closed ? human_size(event.bytes[INSIGHT_IN]) : ""},
            {"Retransmits", closed ? std::to_string(event.retransmits) : ""},
            {"Sent", closed ? human_size(event.bytes[INSIGHT_OUT]) : ""},
            {"Time", time_text(event.at_ns)},
            {"Took", event.took_ns == 0 ? "" : milliseconds(event.took_ns)},
            {"Why", one.reason}};
}

std::string event_line(const container::TrafficEvent& one) {
    const Json row = event_row(one);
    const auto cell = [&](const char* name) { return row[name].get<std::string>(); };
    std::string line = fmt::format("{} {} {} {} {} {}", cell("Time"), cell("Container"), cell("Direction"), cell("Peer"),
                                   cell("Port"), cell("Event"));
    if (one.event.kind == INSIGHT_CLOSED) line += fmt::format(", sent {}, received {}", cell("Sent"), cell("Received"));
    if (one.event.kind == INSIGHT_CLOSED && one.event.retransmits > 0) line += ", retransmits " + cell("Retransmits");
    if (!cell("Took").empty()) line += (one.event.kind == INSIGHT_OPENED ? ", answered after " : ", after ") + cell("Took");
    if (!one.reason.empty()) line += ": " + one.reason;
    if (one.times > 1) line += fmt::format(" ({} times)", one.times);
    return line + "\n";
}

Result<int> follow(const config::Paths& paths, const std::string& only, const FlowsOptions& options) {
    auto watch = TRY(container::TrafficWatch::begin(paths, only));
    const auto& stop = stop_on_interrupt();
    Result<> printed;
    while (!stop && printed.ok())
        TRY(watch.next([&](const container::TrafficEvent& one) {
            if (!printed.ok() || (options.denied && one.event.kind != 0)) return;
            printed = [&]() -> Result<> {
                const std::string text = options.format.empty()
                                             ? event_line(one)
                                             : TRY(print_listing(event_listing, {options.format, false}, {event_row(one)}));
                TRY(print(text));
                return {};
            }();
        }));
    TRY(std::move(printed));
    return 0;
}

Result<int> run_flows(Context& context, FlowsOptions& options) {
    auto* engine = TRY(context.engine());
    const auto& paths = engine->paths();
    const std::string only = options.container.empty() ? "" : TRY(engine->container(options.container)).name.str();
    if (options.follow) return follow(paths, only, options);
    const auto names = TRY(container::PeerNames::read(paths));
    std::vector<Json> rows;
    for (const auto& denial : TRY(container::read_denials(paths, only))) rows.push_back(denial_row(denial, names));
    if (!options.denied)
        for (const auto& traffic : TRY(container::read_traffic(paths, only))) rows.push_back(traffic_row(traffic));
    return print(TRY(print_listing(flow_listing, {options.format, false}, rows)));
}

}  // namespace

void add_flow_verb(Parents& parents, Context& context) {
    add_verb(parents.net, context, "flows", "List what containers talk to, and what was refused", declare_flows, run_flows);
}

}  // namespace gantry::cli
