// volume create, ls, rm, prune.
#include "base/units.hpp"
#include "cli/confirm.hpp"
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

#include <filesystem>
#include <sys/stat.h>

namespace gantry::cli {

namespace {

struct CreateOptions {
    std::string name, driver = "local";
    std::vector<std::string> labels, options;
};

void declare_create(Verb& verb, CreateOptions& options) {
    verb.add_option("VOLUME", options.name, "made up if absent");
    verb.add_option("-d,--driver", options.driver, "local").one_of({"local"});
    verb.add_option("--label", options.labels, "KEY[=VALUE]");
    verb.add_option("-o,--opt", options.options, "KEY=VALUE");
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
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template");
    verb.add_option("-f,--filter", options.filters, "name=, label=, driver=, dangling=BOOL");
}

const Listing ls_listing{
    {{"Driver", "DRIVER"}, {"Labels", "LABELS"}, {"Mountpoint", "MOUNTPOINT"}, {"Name", "VOLUME NAME"}, {"Scope", "SCOPE"}},
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
        if (!filters.match("name", [&](const std::string& value) { return volume.name.find(value) != std::string::npos; }) ||
            !filters.match_labels(volume.labels) ||
            !filters.match("driver", [](const std::string& value) { return value == "local"; }) ||
            !filters.match("dangling", [&](const std::string& value) {
                return (value == "true" || value == "1") == !used.contains(volume.name);
            }))
            continue;
        rows.push_back(Json{{"Driver", "local"},
                            {"Labels", labels_text(volume.labels)},
                            {"Mountpoint", volume.path},
                            {"Name", volume.name},
                            {"Scope", "local"}});
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

struct PruneOptions {
    bool force = false, all = false;
    std::vector<std::string> filters;
};

void declare_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-f,--force", options.force, "do not ask");
    verb.add_flag("-a,--all", options.all, "named volumes too, not only anonymous ones");
    verb.add_option("--filter", options.filters, "label=KEY[=VALUE]");
}

Result<std::uint64_t> tree_size(const std::string& folder) {
    std::uint64_t bytes = 0;
    std::error_code failure;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, failure); !failure && at != std::filesystem::end(at);
         at.increment(failure)) {
        struct stat info {};
        if (lstat(at->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
            bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
}

Result<int> run_prune(Context& context, PruneOptions& options) {
    const Filters filters = TRY(Filters::parse(options.filters, {"label"}));
    if (!options.force &&
        !TRY(confirm(options.all ? "WARNING! This will remove all volumes not used by at least one container."
                                 : "WARNING! This will remove anonymous local volumes not used by at least one container.")))
        return 0;
    auto* engine = TRY(context.engine());
    const auto used = used_volumes(TRY(engine->containers()));
    std::string removed;
    std::uint64_t bytes = 0;
    for (const auto& volume : TRY(engine->volumes())) {
        if (used.contains(volume.name) || (!options.all && !volume.anonymous) || !filters.match_labels(volume.labels)) continue;
        const std::uint64_t size = TRY(tree_size(volume.path));
        if (auto gone = engine->volume_remove(volume.name, false); !gone.ok()) {
            complain(gone.error());
            continue;
        }
        bytes += size;
        removed += volume.name + "\n";
    }
    if (!removed.empty()) removed = "Deleted Volumes:\n" + removed + "\n";
    return print(fmt::format("{}Total reclaimed space: {}\n", removed, human_size(bytes)));
}

}  // namespace

void add_volume_verbs(Parents& parents, Context& context) {
    add_verb(parents.volume, context, "create", "Create a volume", declare_create, run_create);
    add_verb(parents.volume, context, "ls", "List volumes", declare_ls, run_ls).alias("list");
    add_verb(parents.volume, context, "rm", "Remove volumes", declare_rm, run_rm).alias("remove");
    add_verb(parents.volume, context, "prune", "Remove unused volumes", declare_prune, run_prune);
}

}  // namespace gantry::cli
