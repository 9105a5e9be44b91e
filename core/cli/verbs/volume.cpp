// volume create, ls, rm.
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

struct CreateOptions {
    std::string name, old_name, driver = "local";
    std::vector<std::string> labels, options;
};

void declare_create(Verb& verb, CreateOptions& options) {
    verb.add_option("VOLUME", options.name, "made up if absent");
    verb.add_option("--name", options.old_name).hidden();  // Docker's before 1.13, still in scripts
    verb.add_option("-d,--driver", options.driver, "local").value("DRIVER").one_of({"local"});
    verb.add_option("--label", options.labels, "KEY[=VALUE]").value("KEY[=VALUE]");
    verb.add_option("-o,--opt", options.options, "KEY=VALUE").value("KEY=VALUE");
}

std::map<std::string, std::string> pairs(const std::vector<std::string>& texts) {
    std::map<std::string, std::string> out;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        out[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
    }
    return out;
}

Result<int> run_create(Context& context, CreateOptions& options) {
    if (!options.name.empty() && !options.old_name.empty())
        return error(Errc::invalid, "conflicting options: either --name or a name, not both");
    if (options.name.empty()) options.name = options.old_name;
    auto* engine = TRY(context.engine());
    return print(TRY(engine->volume_create(options.name, pairs(options.labels), pairs(options.options))).name + "\n");
}

struct LsOptions {
    bool quiet = false;
    std::string format;
    std::vector<std::string> filters;
};

void declare_ls(Verb& verb, LsOptions& options) {
    verb.add_flag("-q,--quiet", options.quiet, "only names");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.add_option("-f,--filter", options.filters, "name=PATTERN, label=KEY[=VALUE], driver=NAME, dangling=BOOL")
        .value("KEY=VALUE");
}

const Listing ls_listing{{{"Availability", "AVAILABILITY"},
                          {"Driver", "DRIVER"},
                          {"Group", "GROUP"},
                          {"Labels", "LABELS"},
                          {"Links", "LINKS"},
                          {"Mountpoint", "MOUNTPOINT"},
                          {"Name", "VOLUME NAME"},
                          {"Scope", "SCOPE"},
                          {"Size", "SIZE"},
                          {"Status", "STATUS"}},
                         "{{.Driver}}\t{{.Name}}",
                         "Name"};

std::set<std::string> used_volumes(const std::vector<container::Container>& containers) {
    std::set<std::string> used;
    for (const auto& container : containers)
        for (const auto& mount : container.definition.mounts)
            if (mount.type == config::MountType::volume) used.insert(mount.source);
    return used;
}

Result<int> run_ls(Context& context, LsOptions& options) {
    const Filters filters = TRY(Filters::parse(options.filters, {"name", "label", "driver", "dangling"}));
    auto* engine = TRY(context.engine());
    std::set<std::string> used;
    if (filters.has("dangling")) used = used_volumes(TRY(engine->containers()));
    std::vector<Json> rows;
    for (const auto& volume : TRY(engine->volumes())) {
        if (!filters.match("name", [&](const std::string& value) { return matches_pattern(value, volume.name); }) ||
            !filters.match_labels(volume.labels) ||
            !filters.match("driver", [](const std::string& value) { return value == "local"; }) ||
            !filters.match("dangling", [&](const std::string& value) {
                return (value == "true" || value == "1") == !used.contains(volume.name);
            }))
            continue;
        // What Docker does not know of a local volume it calls N/A.
        rows.push_back(Json{{"Availability", "N/A"},
                            {"Driver", "local"},
                            {"Group", "N/A"},
                            {"Label", volume.labels},
                            {"Labels", labels_text(volume.labels)},
                            {"Links", "N/A"},
                            {"Mountpoint", volume.path},
                            {"Name", volume.name},
                            {"Scope", "local"},
                            {"Size", "N/A"},
                            {"Status", "N/A"}});
    }
    return print(TRY(print_listing(ls_listing, {options.format, options.quiet}, rows)));
}

struct RmOptions {
    std::vector<std::string> names;
    bool force = false;
};

void declare_rm(Verb& verb, RmOptions& options) {
    verb.add_option("VOLUME", options.names).required();
    verb.add_flag("-f,--force", options.force, "a missing volume is no error");
}

Result<int> run_rm(Context& context, RmOptions& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.names, [&](const std::string& name) -> Result<> {
        auto removed = engine->volume_remove(name, options.force);
        if (!removed.ok() && !(options.force && removed.error().code() == Errc::not_found)) return removed;
        TRY(print(name + "\n"));
        return {};
    });
}

}  // namespace

void add_volume_verbs(Parents& parents, Context& context) {
    add_verb(parents.volume, context, "create", "Create a volume", declare_create, run_create);
    add_verb(parents.volume, context, "ls", "List volumes", declare_ls, run_ls).alias("list");
    add_verb(parents.volume, context, "rm", "Remove volumes", declare_rm, run_rm).alias("remove");
}

}  // namespace gantry::cli
