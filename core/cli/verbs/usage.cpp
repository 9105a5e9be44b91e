// top, stats.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/resources.hpp"

#include <sstream>
#include <thread>
#include <unistd.h>

namespace gantry::cli {

namespace {

bool runs(const container::Container& container) { return container.state == "running" || container.state == "paused"; }

struct TopOptions {
    Verb verb;
};

void declare_top(Verb& verb, TopOptions& options) {
    options.verb = verb;
    verb.take_rest();
    verb.usage("usage: gantry top CONTAINER [ps OPTIONS]");
}

Result<std::string> output_of(const std::vector<std::string>& words) {
    std::string command;
    for (const auto& word : words) {
        command += command.empty() ? "'" : " '";
        for (char c : word) command += c == '\'' ? std::string("'\\''") : std::string(1, c);
        command += "'";
    }
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), pclose);
    if (!pipe) return errno_error("run '{}'", words[0]);
    std::string text;
    char buffer[4096];
    while (const std::size_t got = fread(buffer, 1, sizeof buffer, pipe.get())) text.append(buffer, got);
    const int status = pclose(pipe.release());
    if (status != 0)
        return error(Errc::invalid, "{} ended with status {}", words[0], WIFEXITED(status) ? WEXITSTATUS(status) : status);
    return text;
}

Result<int> run_top(Context& context, TopOptions& options) {
    auto words = options.verb.remaining();
    if (words.empty()) return error(Errc::invalid, "a container is needed: top CONTAINER [ps OPTIONS]");
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(words[0]));
    if (!runs(container)) return error(Errc::in_use, "container '{}' is not running", words[0]);
    const auto pids = TRY(container::cgroup_processes(container.unit.control_group));
    words[0] = "ps";
    if (words.size() == 1) words.emplace_back("-ef");
    std::istringstream lines(TRY(output_of(words)));
    std::string out, line;
    std::size_t column = 0;
    for (bool heading = true; std::getline(lines, line); heading = false) {
        std::istringstream cells(line);
        std::vector<std::string> row;
        for (std::string cell; cells >> cell;) row.push_back(cell);
        if (heading) {
            const auto found = std::ranges::find(row, "PID");
            if (found == row.end()) return error(Errc::invalid, "couldn't find PID field in ps output");
            column = static_cast<std::size_t>(found - row.begin());
            out += line + "\n";
        } else if (column < row.size() && std::ranges::find(pids, std::atoi(row[column].c_str())) != pids.end()) {
            out += line + "\n";
        }
    }
    return print(out);
}

struct StatsOptions {
    std::vector<std::string> containers;
    bool all = false, no_stream = false, no_trunc = false;
    std::string format;
};

void declare_stats(Verb& verb, StatsOptions& options) {
    verb.add_option("CONTAINER", options.containers, "all running ones if none is given");
    verb.add_flag("-a,--all", options.all, "stopped containers too");
    verb.add_flag("--no-stream", options.no_stream, "once, then end");
    verb.add_flag("--no-trunc", options.no_trunc, "do not shorten");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing stats_listing{
    {{"BlockIO", "BLOCK I/O"},
     {"CPUPerc", "CPU %"},
     {"Container", "CONTAINER"},
     {"ID", "CONTAINER ID"},
     {"MemPerc", "MEM %"},
     {"MemUsage", "MEM USAGE / LIMIT"},
     {"Name", "NAME"},
     {"NetIO", "NET I/O"},
     {"PIDs", "PIDS"}},
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    "ID"};

struct Sample {
    std::uint64_t cpu_usec = 0;
    std::chrono::steady_clock::time_point at;
};

Json stats_row(const container::Container& container, std::map<std::string, Sample>& samples, bool no_trunc) {
    static const std::uint64_t host_memory =
        static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const auto usage = runs(container) ? container::read_resources(container.unit.control_group) : container::Resources{};
    std::uint64_t received = 0, sent = 0, read = 0, written = 0;
    for (const auto& device : usage.devices) read += device.read_bytes, written += device.written_bytes;
    if (runs(container))
        for (const auto& interface : container::read_interfaces(container.unit.main_pid))
            received += interface.received[0], sent += interface.sent[0];
    const auto now = std::chrono::steady_clock::now();
    auto& sample = samples[container.id];
    double cpu = 0;
    if (sample.cpu_usec && usage.cpu_usec >= sample.cpu_usec) {
        const auto passed = std::chrono::duration<double, std::micro>(now - sample.at).count();
        cpu = passed > 0 ? 100.0 * static_cast<double>(usage.cpu_usec - sample.cpu_usec) / passed : 0;
    }
    sample = {usage.cpu_usec, now};
    const std::uint64_t limit = usage.memory_limit ? std::min(usage.memory_limit, host_memory) : host_memory;
    return Json{
        {"BlockIO", human_size(read) + " / " + human_size(written)},
        {"CPUPerc", fmt::format("{:.2f}%", cpu)},
        {"Container", container.name.str()},
        {"ID", no_trunc ? container.id : short_id(container.id)},
        {"MemPerc", fmt::format("{:.2f}%", 100.0 * static_cast<double>(usage.memory_used) / static_cast<double>(limit))},
        {"MemUsage", human_size_binary(usage.memory_used) + " / " + human_size_binary(limit)},
        {"Name", container.name.str()},
        {"NetIO", human_size(received) + " / " + human_size(sent)},
        {"PIDs", std::to_string(usage.pids)}};
}

Result<int> run_stats(Context& context, StatsOptions& options) {
    auto* engine = TRY(context.engine());
    std::map<std::string, Sample> samples;
    const auto collect = [&]() -> Result<std::vector<Json>> {
        std::vector<container::Container> chosen;
        if (options.containers.empty()) {
            for (auto& container : TRY(engine->containers()))
                if (options.all || runs(container)) chosen.push_back(std::move(container));
        }
        for (const auto& name : options.containers) chosen.push_back(TRY(engine->container(name)));
        std::vector<Json> rows;
        for (const auto& container : chosen) rows.push_back(stats_row(container, samples, options.no_trunc));
        return rows;
    };
    TRY(collect());  // the first look only gives the CPU time to count from
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(options.no_stream ? 500 : 1000));
        const std::string text = TRY(print_listing(stats_listing, {options.format, false}, TRY(collect())));
        TRY(print((terminal && !options.no_stream ? "\033[H\033[J" : "") + text));
        if (options.no_stream) return 0;
    }
}

}  // namespace

void add_usage_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "top", "List the processes of a container", declare_top, run_top);
        add_verb(*parent, context, "stats", "Show what containers use, live", declare_stats, run_stats);
    }
}

}  // namespace gantry::cli
