// logs, events.
#include "cli/format/template.hpp"
#include "cli/format/listing.hpp"
#include "cli/payload_lines.hpp"
#include "cli/verbs/verbs.hpp"

#include <ctime>

namespace gantry::cli {

namespace {

struct LogsOptions {
    std::string container, since, until, tail = "all";
    bool follow = false, timestamps = false, details = false;
};

void declare_logs(Verb& verb, LogsOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_flag("-f,--follow", options.follow, "go on as lines come");
    verb.add_flag("-t,--timestamps", options.timestamps, "show times");
    verb.add_flag("--details", options.details, "show labels and further fields");
    verb.add_option("-n,--tail", options.tail, "only the last N lines");
    verb.add_option("--since", options.since, "from this time on: RFC 3339, seconds since 1970, or 42m for that long ago");
    verb.add_option("--until", options.until, "up to this time");
}

// --details: labels and further fields, written as Docker's daemon does: sorted, escaped, with commas between.
std::string details_of(const container::Container& container) {
    std::map<std::string, std::string> all = container.definition.labels;
    all.insert(container.definition.log_fields.begin(), container.definition.log_fields.end());
    const auto escaped = [](const std::string& text) {
        std::string out;
        for (const char c : text) {
            if (isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-_.~").find(c) != std::string_view::npos)
                out += c;
            else
                out += c == ' ' ? "+" : fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
        return out;
    };
    std::string text;
    for (const auto& [name, value] : all) text += (text.empty() ? "" : ",") + escaped(name) + "=" + escaped(value);
    return text + " ";
}

// Nine digits, always (Docker's RFC3339NanoFixed).
std::string nanoseconds(std::int64_t microseconds) {
    std::string text = docker_time(microseconds);
    return text.insert(text.size() - 1, "000");
}

Result<int> run_logs(Context& context, LogsOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    JournalQuery query = payload_lines(container);
    if (!options.since.empty()) query.since_us = TRY_CONTEXT(parse_time(options.since), "--since");
    if (!options.until.empty()) query.until_us = TRY_CONTEXT(parse_time(options.until), "--until");
    if (options.tail != "all") {
        char* end = nullptr;
        const long long lines = std::strtoll(options.tail.c_str(), &end, 10);
        if (*end || options.tail.empty()) return error(Errc::invalid, "--tail: '{}' is not a number", options.tail);
        if (lines >= 0) query.last = static_cast<std::uint64_t>(lines);
    }
    query.follow = options.follow;
    auto* systemd = TRY(engine->systemd());
    query.finished = [&, unit = unit_name(container.name)] {
        const auto state = systemd->state(unit);
        return state.ok() && (state->active == "inactive" || state->active == "failed");
    };
    const std::string details = options.details ? details_of(container) : "";
    TRY(read_journal(query, [&](const JournalEntry& entry) {
        return show_line(entry, (options.timestamps ? nanoseconds(entry.time_us) + " " : "") + details);
    }));
    return 0;
}

struct EventsOptions {
    std::string since, until, format;
    std::vector<std::string> filters;
};

void declare_events(Verb& verb, EventsOptions& options) {
    verb.add_option("--since", options.since, "from this time on");
    verb.add_option("--until", options.until, "up to this time");
    verb.add_option("--format", options.format, "json or a Go template");
    verb.add_option("-f,--filter", options.filters, "container=, event=, type=, image=, label=");
}

// systemd's catalogue of messages about units (sd-messages(3)).
constexpr const char* unit_started = "39f53479d3a045ac8e11786248231fbf";
constexpr const char* unit_stopped = "9d1aaa27d60140bd96365438aad20286";
constexpr const char* unit_exited = "98e322203f7a4ed290d09fe03c09fe15";
constexpr const char* unit_out_of_memory = "fe6faa94e7774663a0da52717891d8ef";

std::string action_of(const std::string& message_id) {
    if (message_id == unit_started) return "start";
    if (message_id == unit_stopped) return "stop";
    if (message_id == unit_exited) return "die";
    return "oom";
}

Result<int> run_events(Context& context, EventsOptions& options) {
    const Filters filters = TRY(Filters::parse(options.filters, {"container", "event", "type", "image", "label"}));
    std::optional<Template> format;
    if (!options.format.empty() && options.format != "json") format = TRY(Template::parse(options.format));
    auto* engine = TRY(context.engine());
    JournalQuery query;
    for (const char* id : {unit_started, unit_stopped, unit_exited, unit_out_of_memory})
        query.any_of.push_back({std::string("MESSAGE_ID=") + id, "_PID=1"});
    query.wanted = {"MESSAGE_ID", "UNIT", "EXIT_STATUS", "EXIT_CODE"};
    const std::int64_t now = static_cast<std::int64_t>(std::time(nullptr)) * 1000000;
    query.since_us = options.since.empty() ? now : TRY_CONTEXT(parse_time(options.since), "--since");
    if (!options.until.empty()) query.until_us = TRY_CONTEXT(parse_time(options.until), "--until");
    query.follow = !query.until_us || *query.until_us > now;
    if (query.until_us)
        query.finished = [&] { return static_cast<std::int64_t>(std::time(nullptr)) * 1000000 > *query.until_us; };
    TRY(read_journal(query, [&](const JournalEntry& entry) -> Result<> {
        const auto field = [&](const char* name) {
            const auto found = entry.fields.find(name);
            return found == entry.fields.end() ? std::string() : found->second;
        };
        const auto name = container_of_unit(field("UNIT"));
        if (!name.ok()) return {};
        const std::string action = action_of(field("MESSAGE_ID"));
        // The container may be gone by now; its name is what the journal has.
        const auto container = engine->container(name->str());
        const std::string id = container.ok() ? container->id : name->str();
        Json attributes{{"name", name->str()}};
        if (container.ok()) attributes["image"] = container->definition.image;
        if (action == "die") attributes["exitCode"] = field("EXIT_STATUS");
        if (!filters.match("container",
                           [&](const std::string& value) { return value == name->str() || id.starts_with(value); }) ||
            !filters.match("event", [&](const std::string& value) { return value == action; }) ||
            !filters.match("type", [](const std::string& value) { return value == "container"; }) ||
            !filters.match("image",
                           [&](const std::string& value) { return container.ok() && container->definition.image == value; }) ||
            !filters.match_labels(container.ok() ? container->definition.labels : std::map<std::string, std::string>{}))
            return {};
        Json event{{"Type", "container"},
                   {"Action", action},
                   {"Actor", {{"ID", id}, {"Attributes", attributes}}},
                   {"scope", "local"},
                   {"time", entry.time_us / 1000000},
                   {"timeNano", entry.time_us * 1000},
                   {"status", action},
                   {"id", id}};
        if (format) {
            TRY(print(TRY(format->render(event)) + "\n"));
            return {};
        }
        if (options.format == "json") {
            TRY(print(dump_json(event) + "\n"));
            return {};
        }
        std::string details;
        for (const auto& [key, value] : attributes.items())
            details += (details.empty() ? "" : ", ") + key + "=" + value.get<std::string>();
        TRY(print(fmt::format("{} container {} {} ({})\n", docker_time(entry.time_us), action, id, details)));
        return {};
    }));
    return 0;
}

}  // namespace

void add_log_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container})
        add_verb(*parent, context, "logs", "Show the output of a container", declare_logs, run_logs);
    for (Verb* parent : {&parents.top, &parents.system})
        add_verb(*parent, context, "events", "Show what happens to containers, as it happens", declare_events, run_events);
}

}  // namespace gantry::cli
