// ps, port.
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

#include "base/units.hpp"

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
    verb.add_option("-n,--last", options.last, "the N created last");
    verb.add_flag("-s,--size", options.size, "show the size of the writable layer");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template");
    verb.add_option("-f,--filter", options.filters,
                    "KEY=VALUE: id, name, label, status, health, exited, network, volume, ancestor, "
                    "publish, expose, before, since");
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

bool matches(const container::Container& container, const Filters& filters) {
    return filters.match("id", [&](const std::string& value) { return container.id.starts_with(value); }) &&
           filters.match("name",
                         [&](const std::string& value) { return container.name.str().find(value) != std::string::npos; }) &&
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
                                          [&](const auto& port) { return same_port(port, value); });
           });
}

// before= and since= compare times of creation with that of another container.
Result<bool> created_between(container::Engine& engine, const container::Container& container, const Filters& filters) {
    for (const auto& other : filters.values("before"))
        if (container.definition.created >= TRY(engine.container(other)).definition.created) return false;
    for (const auto& other : filters.values("since"))
        if (container.definition.created <= TRY(engine.container(other)).definition.created) return false;
    return true;
}

Result<int> run_ps(Context& context, PsOptions& options) {
    const Filters filters =
        TRY(Filters::parse(options.filters, {"id", "name", "label", "status", "health", "exited", "network", "volume",
                                             "ancestor", "publish", "expose", "before", "since"}));
    auto* engine = TRY(context.engine());
    auto containers = TRY(engine->containers());
    std::ranges::stable_sort(containers,
                             [](const auto& a, const auto& b) { return a.definition.created > b.definition.created; });
    int last = options.latest ? 1 : options.last;
    const bool all = options.all || last >= 0 || filters.has("status") || filters.has("exited");
    const bool sized = options.size || options.format.find(".Size") != std::string::npos;
    std::vector<Json> rows;
    for (const auto& container : containers) {
        const bool runs = container.state == "running" || container.state == "paused" || container.state == "restarting";
        if ((!all && !runs) || !matches(container, filters) || !TRY(created_between(*engine, container, filters))) continue;
        if (last >= 0 && last-- == 0) break;
        Json row = container_row(container, options.no_trunc);
        row["Size"] = "";
        if (sized) {
            auto* storage = TRY(engine->storage(container.definition.storage_driver));
            row["Size"] = human_size(TRY(storage->status(container.name.str())).bytes);
        }
        rows.push_back(std::move(row));
    }
    Listing listing = ps_listing;
    if (options.size) listing.table += "\t{{.Size}}";
    return print(TRY(print_listing(listing, {options.format, options.quiet}, rows)));
}

struct PortOptions {
    std::string container, port;
};

void declare_port(Verb& verb, PortOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("PORT", options.port, "only this one, PORT[/PROTOCOL]");
}

Result<int> run_port(Context& context, PortOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    std::string out;
    for (const auto& [inside, outside] : port_bindings(container)) {
        if (options.port.empty())
            out += fmt::format("{} -> {}\n", inside, outside);
        else if (same_port(inside, options.port))
            out += outside + "\n";
    }
    if (out.empty() && !options.port.empty())
        return error(Errc::not_found, "no public port '{}' published for {}", options.port, options.container);
    return print(out);
}

}  // namespace

void add_list_verbs(Parents& parents, Context& context) {
    add_verb(parents.top, context, "ps", "List containers", declare_ps, run_ps);
    add_verb(parents.container, context, "ls", "List containers", declare_ps, run_ps).alias("ps").alias("list");
    for (Verb* parent : {&parents.top, &parents.container})
        add_verb(*parent, context, "port", "List the published ports of a container", declare_port, run_port);
}

}  // namespace gantry::cli
