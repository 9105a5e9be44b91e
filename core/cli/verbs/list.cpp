// ps.
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

#include "base/units.hpp"

#include <sys/stat.h>

namespace gantry::cli {

namespace {

struct PsOptions {
    bool all = false, quiet = false, no_trunc = false, latest = false, size = false;
    int last = -1;
    std::string format;
    std::vector<std::string> filters;
};

void declare_ps(Verb& verb, PsOptions& options) {
    verb.add_flag("-a,--all", options.all, "show all containers, not only running ones");
    verb.add_flag("-q,--quiet", options.quiet, "only ids");
    verb.add_flag("--no-trunc", options.no_trunc, "do not shorten");
    verb.add_flag("-l,--latest", options.latest, "the one created last");
    verb.add_option("-n,--last", options.last, "the N created last").value("NUMBER");
    verb.add_flag("-s,--size", options.size, "show the size of the writable layer");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.add_option("-f,--filter", options.filters,
                    "KEY=VALUE: id, name, label, status, health, exited, network, volume, ancestor, "
                    "publish, expose, before, since")
        .value("KEY=VALUE");
}

const Listing ps_listing{{{"Command", "COMMAND"},
                          {"CreatedAt", "CREATED AT"},
                          {"Health", "HEALTH"},
                          {"ID", "CONTAINER ID"},
                          {"Image", "IMAGE"},
                          {"Labels", "LABELS"},
                          {"LocalVolumes", "LOCAL VOLUMES"},
                          {"Mounts", "MOUNTS"},
                          {"Names", "NAMES"},
                          {"Networks", "NETWORKS"},
                          {"Ports", "PORTS"},
                          {"RunningFor", "CREATED"},
                          {"Size", "SIZE"},
                          {"State", "STATE"},
                          {"Status", "STATUS"},
                          {"Unit", "UNIT"}},
                         "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
                         "ID"};

bool has(const std::vector<std::string>& list, const std::string& item) { return std::ranges::find(list, item) != list.end(); }

bool same_port(const std::string& port, const std::string& wanted) { return port == wanted || port == wanted + "/tcp"; }

// "80", "8000-8010", with or without "/udp".
struct PortRange {
    long first = 0, last = 0;
    std::string protocol;

    explicit PortRange(const std::string& text) {
        const auto slash = text.find('/');
        const auto dash = text.find('-');
        first = last = std::strtol(text.c_str(), nullptr, 10);
        if (dash < slash) last = std::strtol(text.c_str() + dash + 1, nullptr, 10);
        protocol = slash == std::string::npos ? "tcp" : text.substr(slash + 1);
    }
    [[nodiscard]] bool meets(const PortRange& other) const {
        return protocol == other.protocol && first <= other.last && other.first <= last;
    }
};

bool matches(const container::Container& container, const Filters& filters) {
    return filters.match("id", [&](const std::string& value) { return matches_pattern(value, container.id); }) &&
           filters.match("name",
                         [&](const std::string& value) {  // Docker's names begin with a slash, for those who ask for ^/web$
                             return matches_pattern(value, container.name.str()) ||
                                    matches_pattern(value, "/" + container.name.str());
                         }) &&
           filters.match_labels(container.definition.labels) &&
           filters.match("status", [&](const std::string& value) { return container.state == value; }) &&
           filters.match("health",
                         [&](const std::string& value) {
                             return container.health == value || (value == "none" && container.health.empty());
                         }) &&
           filters.match("exited",
                         [&](const std::string& value) {
                             return container.state == "exited" && std::to_string(exit_status(container.unit)) == value;
                         }) &&
           filters.match("network", [&](const std::string& value) { return has(network_names(container), value); }) &&
           filters.match("volume",
                         [&](const std::string& value) {
                             return std::ranges::any_of(container.definition.mounts, [&](const config::Mount& mount) {
                                 return mount.source == value || mount.target == value;
                             });
                         }) &&
           filters.match("ancestor",
                         [&](const std::string& value) {
                             return container.definition.image == value ||
                                    container.definition.image.starts_with(value + ":") ||
                                    short_id(container.definition.image_id).starts_with(short_id(value));
                         }) &&
           filters.match("publish",
                         [&](const std::string& value) {
                             return std::ranges::any_of(port_bindings(container), [&](const auto& binding) {
                                 return same_port(binding.first, value) ||
                                        binding.second.ends_with(":" + value.substr(0, value.find('/')));
                             });
                         }) &&
           filters.match("expose", [&](const std::string& value) {
               return std::ranges::any_of(container.definition.expose,
                                          [&](const auto& port) { return PortRange(port).meets(PortRange(value)); });
           });
}

// Nanoseconds since 1970. Definitions count seconds; within one the file's own time tells which came first.
std::int64_t created_ns(const container::Container& container) {
    const std::int64_t second = container.definition.created;
    struct stat file {};
    const bool is_of_then = stat(container.definition_file.c_str(), &file) == 0 && file.st_mtim.tv_sec == second;
    return second * 1'000'000'000 + (is_of_then ? file.st_mtim.tv_nsec : 0);
}

// before= and since= compare times of creation with that of another container.
Result<bool> created_between(container::Engine& engine, const container::Container& container, const Filters& filters) {
    for (const auto& other : filters.values("before"))
        if (created_ns(container) >= created_ns(TRY(engine.container(other)))) return false;
    for (const auto& other : filters.values("since"))
        if (created_ns(container) <= created_ns(TRY(engine.container(other)))) return false;
    return true;
}

// What ps shows of images: command, exposed ports, size. Read once each; a missing image shows nothing.
class ImageFacts {
public:
    struct Facts {
        ImageCommand command;
        std::vector<std::string> ports;
        std::uint64_t size = 0;
    };

    explicit ImageFacts(container::Engine& engine) : engine_(engine) {}

    const Facts& of(const config::Definition& definition) {
        const std::string& key = definition.image_id.empty() ? definition.image : definition.image_id;
        const auto [entry, is_new] = known_.try_emplace(key);
        if (!is_new) return entry->second;
        const auto store = engine_.images();
        if (!store.ok()) return entry->second;
        const auto image = (*store)->find(key);
        if (!image.ok()) return entry->second;
        entry->second.size = image->size;
        const auto config = (*store)->config(*image);
        if (!config.ok()) return entry->second;
        entry->second.command = {config->entrypoint, config->command};
        entry->second.ports = config->exposed_ports;
        return entry->second;
    }

private:
    container::Engine& engine_;
    std::map<std::string, Facts> known_;
};

Result<std::string> size_text(container::Engine& engine, const container::Container& container, std::uint64_t image_size) {
    auto* storage = TRY(engine.storage(container.definition.storage_driver));
    const std::uint64_t own = TRY(storage->status(container.name.str())).bytes;
    return fmt::format("{} (virtual {})", human_size(own, 3), human_size(image_size + own, 3));
}

bool valid_status(const std::string& status) {
    return has({"created", "restarting", "running", "removing", "paused", "exited", "dead"}, status);
}

Result<int> run_ps(Context& context, PsOptions& options) {
    const Filters filters =
        TRY(Filters::parse(options.filters, {"id", "name", "label", "status", "health", "exited", "network", "volume",
                                             "ancestor", "publish", "expose", "before", "since"}));
    for (const auto& status : filters.values("status"))
        if (!valid_status(status)) return error(Errc::invalid, "invalid filter 'status={}'", status);
    auto* engine = TRY(context.engine());
    ImageFacts images(*engine);
    auto containers = TRY(engine->containers());
    std::ranges::stable_sort(containers, std::greater{}, created_ns);
    int last = options.latest ? 1 : options.last;
    const bool all = options.all || last >= 0 || filters.has("status") || filters.has("exited");
    const bool sized = options.size || options.format.find(".Size") != std::string::npos;
    std::vector<Json> rows;
    for (const auto& container : containers) {
        const bool runs = container.state == "running" || container.state == "paused" || container.state == "restarting";
        if ((!all && !runs) || !matches(container, filters) || !TRY(created_between(*engine, container, filters))) continue;
        if (last >= 0 && last-- == 0) break;
        static const ImageFacts::Facts nothing;
        const auto& image = container.problem ? nothing : images.of(container.definition);
        Json row = container_row(container, options.no_trunc);
        row["Command"] = command_text(command_words(container, image.command), options.no_trunc);
        row["Ports"] = ports_text(container, image.ports);
        row["Size"] = sized && !container.problem ? TRY(size_text(*engine, container, image.size)) : "";
        rows.push_back(std::move(row));
    }
    Listing listing = ps_listing;
    if (options.size) listing.table += "\t{{.Size}}";
    return print(TRY(print_listing(listing, {options.format, options.quiet}, rows)));
}

}  // namespace

void add_list_verbs(Parents& parents, Context& context) {
    add_verb(parents.top, context, "ps", "List containers", declare_ps, run_ps);
    add_verb(parents.container, context, "ls", "List containers", declare_ps, run_ps).alias("ps").alias("list");
}

}  // namespace gantry::cli
