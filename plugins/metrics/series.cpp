#include "series.hpp"

#include "container/resources.hpp"
#include "container/traffic.hpp"

namespace gantry::metrics {

namespace {

using container::Record;
using Kind = Exposition::Kind;

// Of one container; the rest of its peers is told as one, so that a scan of ports does not become series.
constexpr std::size_t peer_limit = 100;

double seconds(std::uint64_t usec) { return static_cast<double>(usec) / 1e6; }
double number(std::uint64_t value) { return static_cast<double>(value); }

// One container's samples: its name is the first label of all.
class Samples {
public:
    Samples(Exposition& out, const std::string& name) : out_(out), name_(name) {}

    void counter(const char* name, const char* help, double value, const Labels& labels = {}) {
        add(Kind::counter, name, help, value, labels);
    }
    void gauge(const char* name, const char* help, double value, const Labels& labels = {}) {
        add(Kind::gauge, name, help, value, labels);
    }

private:
    void add(Kind kind, const char* name, const char* help, double value, const Labels& labels) {
        Labels all{{"name", name_}};
        all.insert(all.end(), labels.begin(), labels.end());
        out_.add(kind, fmt::format("gantry_container_{}", name), help, all, value);
    }
    Exposition& out_;
    const std::string& name_;
};

void add_resources(Samples& to, const container::Resources& used) {
    to.counter("cpu_seconds_total", "Processor time.", seconds(used.cpu_user_usec), {{"mode", "user"}});
    to.counter("cpu_seconds_total", "", seconds(used.cpu_system_usec), {{"mode", "system"}});
    to.counter("cpu_throttled_seconds_total", "Time that a limit of processor time made it wait.",
               seconds(used.throttled_usec));
    to.gauge("memory_bytes", "Memory, with the page cache.", number(used.memory));
    to.gauge("memory_working_set_bytes", "Memory without what the kernel could drop at once.", number(used.memory_used));
    to.gauge("memory_limit_bytes", "Limit of memory; 0: none.", number(used.memory_limit));
    to.gauge("memory_peak_bytes", "The most it had.", number(used.memory_peak));
    to.counter("oom_kills_total", "Processes that the kernel killed for memory.", number(used.oom_kills));
    to.gauge("processes", "Processes and threads.", number(used.pids));
    to.gauge("processes_limit", "Limit of processes and threads; 0: none.", number(used.pids_limit));
    for (const auto& device : used.devices) {
        const Labels labels{{"device", device.device}};
        to.counter("io_read_bytes_total", "Bytes read from block devices.", number(device.read_bytes), labels);
        to.counter("io_written_bytes_total", "Bytes written to block devices.", number(device.written_bytes), labels);
        to.counter("io_reads_total", "Read requests to block devices.", number(device.reads), labels);
        to.counter("io_writes_total", "Write requests to block devices.", number(device.writes), labels);
    }
    for (const auto& [resource, pressure] :
         {std::pair{"cpu", used.cpu_pressure}, std::pair{"memory", used.memory_pressure}, std::pair{"io", used.io_pressure}}) {
        constexpr const char* help = "Time that some or all tasks waited for a resource (pressure stall information).";
        to.counter("pressure_seconds_total", help, seconds(pressure.some_usec), {{"resource", resource}, {"tasks", "some"}});
        to.counter("pressure_seconds_total", help, seconds(pressure.full_usec), {{"resource", resource}, {"tasks", "all"}});
    }
}

// Of its own network namespace; on the host's network the interfaces are the host's.
void add_interfaces(Samples& to, std::int64_t pid) {
    for (const auto& interface : container::read_interfaces(pid)) {
        const Labels labels{{"interface", interface.name}};
        to.counter("network_receive_bytes_total", "Bytes received.", number(interface.received[0]), labels);
        to.counter("network_receive_packets_total", "Packets received.", number(interface.received[1]), labels);
        to.counter("network_receive_errors_total", "Errors while receiving.", number(interface.received[2]), labels);
        to.counter("network_receive_dropped_total", "Packets dropped while receiving.", number(interface.received[3]), labels);
        to.counter("network_transmit_bytes_total", "Bytes sent.", number(interface.sent[0]), labels);
        to.counter("network_transmit_packets_total", "Packets sent.", number(interface.sent[1]), labels);
        to.counter("network_transmit_errors_total", "Errors while sending.", number(interface.sent[2]), labels);
        to.counter("network_transmit_dropped_total", "Packets dropped while sending.", number(interface.sent[3]), labels);
    }
}

void add_record(Exposition& out, const Record& record) {
    Samples to(out, record.name);
    to.gauge("info", "One for each running container.", 1,
             {{"id", record.id}, {"image", record.image}, {"image_id", record.image_id}});
    to.gauge("start_time_seconds", "When it started, since 1970.", static_cast<double>(record.started_us) / 1e6);
    const auto name = ContainerName::parse(record.name);
    const std::string group = name.ok() ? container::control_group_of(unit_name(*name), record.pid) : "";
    if (!group.empty()) add_resources(to, container::read_resources(group));
    if (!record.networks.empty()) add_interfaces(to, record.pid);
}

// Who is a peer in a series: containers by name, all others together.
struct PeerSeries {
    std::string container, direction, peer, protocol;
    std::uint16_t port = 0;
    auto operator<=>(const PeerSeries&) const = default;
};

void add_traffic(Exposition& out, const std::vector<container::Traffic>& all) {
    std::map<PeerSeries, container::Traffic> series;
    std::map<std::string, std::size_t> known;
    for (const container::Traffic& one : all) {
        // A name has no colon and is no number; an address has one, or is four of them.
        const bool named = ContainerName::parse(one.peer).ok() && !config::Prefix::parse(one.peer).ok();
        PeerSeries key{one.container, container::traffic_direction(one.key.direction), named ? one.peer : "outside",
                       config::protocol_text(one.key.protocol), one.key.port};
        if (!series.contains(key) && known[one.container]++ >= peer_limit)
            key = {one.container, key.direction, "others", "", 0};
        auto& sum = series[key];
        sum.open += one.open;
        sum.counters.opened += one.counters.opened;
        sum.counters.failed += one.counters.failed;
        sum.counters.retransmits += one.counters.retransmits;
        sum.counters.answered += one.counters.answered;
        sum.counters.answer_ns += one.counters.answer_ns;
        for (const int direction : {INSIGHT_OUT, INSIGHT_IN}) sum.counters.bytes[direction] += one.counters.bytes[direction];
    }
    for (const auto& [key, sum] : series) {
        Samples to(out, key.container);
        const Labels labels{
            {"direction", key.direction}, {"peer", key.peer}, {"port", std::to_string(key.port)}, {"protocol", key.protocol}};
        const auto& counted = sum.counters;
        to.counter("peer_connections_total", "Connections, by who began; conversations of UDP and ICMP.",
                   number(counted.opened), labels);
        to.gauge("peer_open_connections", "Connections of TCP that are open.", number(sum.open), labels);
        to.counter("peer_failed_total", "Connections of TCP that were refused or not answered.", number(counted.failed),
                   labels);
        to.counter("peer_sent_bytes_total", "Bytes sent to the peer.", number(counted.bytes[INSIGHT_OUT]), labels);
        to.counter("peer_received_bytes_total", "Bytes received from the peer.", number(counted.bytes[INSIGHT_IN]), labels);
        to.counter("peer_retransmits_total", "Segments of TCP that were sent again.", number(counted.retransmits), labels);
        to.counter("peer_answer_seconds_sum", "Time from connect(2) until the peer's answer.", number(counted.answer_ns) / 1e9,
                   labels);
        to.counter("peer_answer_seconds_count", "Connections of which that time is known.", number(counted.answered), labels);
    }
}

void add_denials(Exposition& out, const std::vector<container::Denial>& all) {
    std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> sums;
    for (const container::Denial& one : all)
        sums[{one.container, container::direction_text(one.key.direction), container::reason_text(one.counted.reason)}] +=
            one.counted.count;
    for (const auto& [key, count] : sums)
        Samples(out, std::get<0>(key))
            .counter("denied_total", "Packets and calls that the network policy refused.", number(count),
                     {{"direction", std::get<1>(key)}, {"reason", std::get<2>(key)}});
}

}  // namespace

void collect(const config::Paths& paths, Exposition& out) {
    out.add(Kind::gauge, "gantry_build_info", "The engine's version.", {{"version", GANTRY_VERSION}}, 1);
    const auto names = container::list_records(paths).value_or({});
    std::size_t running = 0;
    for (const std::string& name : names) {
        const auto record = container::read_record(paths, name);
        if (!record.ok() || record->pid == 0) continue;
        ++running;
        add_record(out, *record);
    }
    out.add(Kind::gauge, "gantry_containers", "Running containers.", {}, number(running));
    const auto traffic = container::read_traffic(paths, "");
    out.add(Kind::gauge, "gantry_insight_up", "Whether what containers talk to is counted.", {}, traffic.ok() ? 1 : 0);
    if (traffic.ok()) add_traffic(out, *traffic);
    if (const auto denials = container::read_denials(paths, ""); denials.ok()) add_denials(out, *denials);
}

}  // namespace gantry::metrics
