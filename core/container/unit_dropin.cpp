// A definition as the drop-in of ctr@NAME.service. What is the same for every container stands in systemd/ctr@.service.
#include "container/machine.hpp"
#include "container/unit_devices.hpp"
#include "container/unit_syntax.hpp"
#include "container/units.hpp"

#include "config/reader.hpp"

#include <csignal>
#include <cmath>
#include <set>

namespace gantry::container {

namespace {

using config::Definition;
using std::chrono::seconds;

constexpr std::uint64_t unlimited = ~std::uint64_t{0};

bool has_health(const Definition& d, const UnitFacts& facts) {
    return !d.health.disabled && (!d.health.command.empty() || facts.image_health);
}

// Containers whose namespaces this one joins: it cannot outlive them.
std::set<std::string> joined(const Definition& d) {
    std::set<std::string> names;
    if (d.network_mode == config::NetworkMode::container) names.insert(d.network_container);
    for (const auto* mode : {&d.pid, &d.ipc})
        if (mode->kind == config::NamespaceMode::Kind::container) names.insert(mode->container);
    return names;
}

Result<> write_dependencies(UnitWriter& w, const ContainerName& name, const Definition& d) {
    const std::string self = unit_name(name);
    const auto add = [&](std::initializer_list<const char*> keys, const std::string& other) -> Result<> {
        const std::string unit = unit_dependency(other);
        if (unit == self) return error(Errc::invalid, "container '{}' cannot depend on itself", name.str());
        for (const char* key : keys) w.line(key, unit);
        return {};
    };
    for (const std::string& other : d.requires_) TRY(add({"Requires", "After"}, other));
    for (const std::string& other : d.wants) TRY(add({"Wants", "After"}, other));
    for (const std::string& other : d.after) TRY(add({"After"}, other));
    for (const std::string& other : joined(d)) TRY(add({"BindsTo", "After"}, other));
    return {};
}

Result<> write_unit_section(UnitWriter& w, const ContainerName& name, const Definition& d, const UnitFacts& facts) {
    w.section("Unit");
    if (!d.description.empty()) {
        // A backslash at the end would join the next line; the blank behind it is taken off again by systemd.
        std::string text = d.description;
        if (text.ends_with('\\')) text.pop_back();
        while (text.ends_with(' ')) text.pop_back();
        text.erase(0, text.find_first_not_of(' '));
        if (!text.empty()) w.line("Description", TRY(unit_line("description", text)));
    }
    if (!facts.definition_file.empty()) w.line("SourcePath", TRY(unit_line("path", facts.definition_file)));
    TRY(write_dependencies(w, name, d));
    for (const config::Mount& mount : d.mounts)
        if (mount.type == config::MountType::bind) w.line("RequiresMountsFor", TRY(unit_path(mount.source)));
    for (const std::string& file : d.env_files) w.line("RequiresMountsFor", TRY(unit_path(file)));
    if (!std::ranges::all_of(d.ports, &config::Port::socket) || d.publish_all) {
        w.line("Wants", "network-online.target");
        w.line("After", "network-online.target");
    }
    if (d.tty || d.open_stdin) {
        w.line("Wants", fmt::format("ctr-console@{}.service", name.str()));
        w.line("After", fmt::format("ctr-console@{}.service", name.str()));
    }
    if (has_health(d, facts)) w.line("Wants", fmt::format("ctr-health@{}.timer", name.str()));
    // First the socket: one whose service runs already does not start (systemd.socket(5)).
    if (has_sockets(d))
        for (const char* key : {"Requires", "After"}) w.line(key, socket_name(name));
    if (d.idle_stop) w.line("Wants", fmt::format("ctr-idle@{}.timer", name.str()));
    if (d.auto_remove) w.line("CollectMode", "inactive-or-failed");
    return {};
}

// on-failure:N. Docker gives up after N restarts and counts anew once a run has lasted 10 s; systemd counts starts in a window.
// With a window of N+1 runs of 10 s the two agree on a container that fails at once, and one that runs longer on the average
// is never given up.
void write_start_limit(UnitWriter& w, const Definition& d) {
    if (d.restart != config::Restart::on_failure || d.restart_max == 0) return;
    const auto delay = d.restart_delay.value_or(std::chrono::milliseconds(100));
    // Both factors are bounded by the reader; a window longer than a year makes no difference.
    const auto runs = std::min<std::uint64_t>(d.restart_max, 100000) + 1;
    const auto window = std::min<std::uint64_t>(
        runs * static_cast<std::uint64_t>(10'000'000 + std::min<std::int64_t>(delay.count(), 86'400'000'000)),
        31'536'000'000'000ULL);
    w.line("StartLimitIntervalSec", unit_span(std::chrono::microseconds(static_cast<std::int64_t>(window))));
    w.line("StartLimitBurst", std::to_string(static_cast<std::uint64_t>(d.restart_max) + 1));
}

void write_restart(UnitWriter& w, const Definition& d) {
    switch (d.restart) {
    case config::Restart::no: w.line("Restart", "no"); break;
    case config::Restart::on_failure: w.line("Restart", "on-failure"); break;
    case config::Restart::always:
    case config::Restart::unless_stopped: w.line("Restart", "always"); break;  // the two differ at boot only
    }
    if (d.restart_delay) w.line("RestartSec", unit_span(*d.restart_delay));
}

Result<> write_stop(UnitWriter& w, const Definition& d, const UnitFacts& facts) {
    const bool machine = is_machine(d, facts.entrypoint, facts.command);
    const std::string wanted = d.stop_signal.value_or(facts.stop_signal);
    // systemd takes SIGTERM for "execute yourself anew" and this one for "halt" (systemd(1), SIGNALS).
    int signal = machine ? SIGRTMIN + 3 : SIGTERM;
    if (!wanted.empty()) signal = TRY_CONTEXT(config::parse_signal(wanted), "stop signal");
    // Immediately, as `docker stop -t 0`: 0 would mean "no limit" here, and the limit holds for ExecStopPost= as well.
    if (d.stop_timeout == config::Microseconds::zero()) {
        w.line("KillSignal", "SIGKILL");
        w.line("SuccessExitStatus", "SIGKILL");
    } else {
        if (d.stop_timeout) w.line("TimeoutStopSec", unit_span(std::max(*d.stop_timeout, config::Microseconds(seconds(1)))));
        // Its services have their own time to stop: systemd's default for a unit, as systemd-nspawn@.service has it.
        if (machine && !d.stop_timeout) w.line("TimeoutStopSec", "90s");
        if (signal != SIGTERM) w.line("KillSignal", unit_signal(signal));
    }
    // Ending by the stop signal, or with the 128+N that a shell or the reaper makes of it, is no failure (143 is in the
    // template).
    if (signal != SIGTERM) {
        w.line("SuccessExitStatus", "");
        w.line("SuccessExitStatus", fmt::format("{} {}", 128 + signal, unit_signal(signal)));
    }
    return {};
}

// How long a start may take that waits for a good probe: until the last retry would have failed.
config::Microseconds healthy_timeout(const Definition& d, const UnitFacts& facts) {
    const auto pick = [](const auto& own, const auto& image, auto standard) { return own ? *own : image ? *image : standard; };
    const config::Microseconds interval = pick(d.health.interval, facts.image_interval, config::Microseconds(seconds(30)));
    const config::Microseconds timeout = pick(d.health.timeout, facts.image_timeout, config::Microseconds(seconds(30)));
    const config::Microseconds period = pick(d.health.start_period, facts.image_start_period, config::Microseconds(0));
    const std::uint32_t retries = pick(d.health.retries, facts.image_retries, 3U);
    const double total =
        static_cast<double>(period.count()) + (retries + 1.0) * static_cast<double>(interval.count() + timeout.count()) + 30e6;
    return total < 1e15 ? config::Microseconds(static_cast<std::int64_t>(total)) : config::Microseconds::max();
}

void write_start(UnitWriter& w, const Definition& d, const UnitFacts& facts) {
    // Zero would mean "no limit" to systemd as well, but it is not what was written.
    const auto at_least = [](config::Microseconds span) { return std::max(span, config::Microseconds(1)); };
    if (d.start_timeout)
        w.line("TimeoutStartSec", unit_span(at_least(*d.start_timeout)));
    else if (d.ready == config::Ready::healthy)
        w.line("TimeoutStartSec", unit_span(healthy_timeout(d, facts)));
    if (d.watchdog) w.line("WatchdogSec", unit_span(*d.watchdog));
}

// A container behind a service gets no new connections before it is told to stop, and none before it says that it is ready;
// where it has a health check that says so.
void write_services(UnitWriter& w, const ContainerName& name, const Definition& d, const UnitFacts& facts) {
    if (std::ranges::all_of(d.networks, [](const auto& network) { return network.service.empty(); })) return;
    const auto launcher = [&](const char* mode) {
        return fmt::format("-{}/gantry-launch {} {}", GANTRY_LIBEXECDIR, mode, name.str());
    };
    if (d.ready == config::Ready::notify && !has_health(d, facts)) w.line("ExecStartPost", launcher("--serve"));
    w.line("ExecStop", launcher("--drain"));
}

void write_rates(UnitWriter& w, std::string_view key, const std::vector<config::DeviceRate>& rates) {
    for (const auto& rate : rates) w.line(key, fmt::format("{} {}", unit_quoted(rate.device), rate.rate));
}

// "150%", at most two decimals (systemd's parse_permyriad); never zero.
std::string quota(double cpus) {
    const auto hundredths = static_cast<std::uint64_t>(std::max(1.0, std::round(cpus * 10000)));
    if (hundredths % 100 == 0) return fmt::format("{}%", hundredths / 100);
    return fmt::format("{}.{:02}%", hundredths / 100, hundredths % 100);
}

void write_limits(UnitWriter& w, const config::Limits& l) {
    if (l.memory) w.line("MemoryMax", unit_limit(*l.memory));
    if (l.memory_reservation) w.line("MemoryLow", unit_limit(*l.memory_reservation));
    if (const auto swap = swap_limit(l)) w.line("MemorySwapMax", unit_limit(*swap));
    if (l.cpus) w.line("CPUQuota", quota(*l.cpus));
    if (l.cpu_weight) w.line("CPUWeight", std::to_string(*l.cpu_weight));
    if (!l.cpuset.empty()) w.line("AllowedCPUs", l.cpuset);
    if (!l.cpuset_mems.empty()) w.line("AllowedMemoryNodes", l.cpuset_mems);
    if (l.pids) w.line("TasksMax", unit_limit(*l.pids));
    if (l.io_weight) w.line("IOWeight", std::to_string(*l.io_weight));
    write_rates(w, "IOReadBandwidthMax", l.read_bps);
    write_rates(w, "IOWriteBandwidthMax", l.write_bps);
    write_rates(w, "IOReadIOPSMax", l.read_iops);
    write_rates(w, "IOWriteIOPSMax", l.write_iops);
    if (l.oom_score_adj) w.line("OOMScoreAdjust", std::to_string(*l.oom_score_adj));
    for (const auto& [name, limit] : l.ulimits) {
        std::string key = "Limit";
        for (char c : name) key += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        w.line(key, limit.soft == limit.hard ? unit_limit(limit.soft) : unit_limit(limit.soft) + ":" + unit_limit(limit.hard));
    }
}

Result<> write_device_access(UnitWriter& w, const Definition& d) {
    if (d.security.privileged) {
        w.line("DevicePolicy", "auto");
        w.line("DeviceAllow", "");  // takes back the template's list: everything is allowed
        return {};
    }
    for (const auto& [device, access] : TRY(device_access(d)))
        w.line("DeviceAllow", fmt::format("{} {}", unit_quoted(device), access));
    return {};
}

void write_log(UnitWriter& w, const ContainerName& name, const Definition& d, const UnitFacts& facts) {
    if (!d.log_to_journal) {
        w.line("StandardOutput", "null");
        w.line("StandardError", "null");
    }
    const std::string short_id = facts.id.substr(0, 12);
    const auto field = [&](std::string_view key, std::string_view value) {
        w.line("LogExtraFields", unit_quoted(fmt::format("{}={}", key, value)));
    };
    field("CONTAINER_NAME", name.str());
    if (!facts.id.empty()) {
        field("CONTAINER_ID", short_id);
        field("CONTAINER_ID_FULL", facts.id);
        field("CONTAINER_TAG", short_id);
    }
    field("IMAGE_NAME", d.image);
    for (const auto& [key, value] : d.labels) field(journal_field("LABEL_", key), value);
    for (const auto& [key, value] : d.log_fields) field(key, value);
}

Result<> write_credentials(UnitWriter& w, const Definition& d) {
    for (const config::Credential& c : d.credentials) {
        const std::string key = std::string(c.value ? "SetCredential" : "LoadCredential") + (c.encrypted ? "Encrypted" : "");
        w.line(key,
               fmt::format("{}:{}", c.name, c.value ? unit_data(*c.value) : TRY(unit_line("path of a credential", c.path))));
    }
    return {};
}

}  // namespace

std::optional<std::uint64_t> swap_limit(const config::Limits& l) {
    if (!l.memory || *l.memory == unlimited) return std::nullopt;
    // Docker: memory_swap is memory and swap together; without it, as much swap as memory.
    if (!l.memory_swap) return *l.memory;
    if (*l.memory_swap == unlimited) return unlimited;
    return *l.memory_swap > *l.memory ? *l.memory_swap - *l.memory : 0;
}

Result<std::string> unit_dropin(const ContainerName& name, const Definition& d, const UnitFacts& facts) {
    UnitWriter w;
    TRY(write_unit_section(w, name, d, facts));
    write_start_limit(w, d);
    w.section("Service");
    write_restart(w, d);
    TRY(write_stop(w, d, facts));
    write_start(w, d, facts);
    write_services(w, name, d, facts);
    write_limits(w, d.limits);
    TRY(write_device_access(w, d));
    write_log(w, name, d, facts);
    TRY(write_credentials(w, d));
    return "# Made by Gantry from the container's definition. Changes belong there, or into a drop-in of your own.\n" +
           w.text();
}

std::string health_dropin(const Definition& d, const UnitFacts& facts) {
    if (!has_health(d, facts)) return "";
    const config::Microseconds shortest = std::chrono::milliseconds(100);
    const auto interval =
        std::max(shortest, d.health.interval ? *d.health.interval : facts.image_interval.value_or(seconds(30)));
    // Docker waits one interval before the first probe; a start that waits for a good one asks sooner.
    const auto first = d.ready == config::Ready::healthy ? std::min(interval, config::Microseconds(seconds(1))) : interval;
    UnitWriter w;
    w.section("Timer");
    w.line("OnActiveSec", "");  // an empty value takes back every On...Sec= of the template
    w.line("OnActiveSec", unit_span(first));
    w.line("OnUnitInactiveSec", unit_span(interval));
    return "# Made by Gantry from the container's definition.\n" + w.text();
}

}  // namespace gantry::container
