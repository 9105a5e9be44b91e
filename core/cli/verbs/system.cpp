// system df, info, check, prune; check; version.
#include "base/units.hpp"
#include "cli/confirm.hpp"
#include "cli/format/listing.hpp"
#include "cli/format/template.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

#include <filesystem>
#include <sys/utsname.h>
#include <unistd.h>

namespace gantry::cli {

namespace {

struct FormatOptions {
    std::string format;
    bool verbose = false;
};

void declare_format(Verb& verb, FormatOptions& options) {
    verb.add_option("-f,--format", options.format, "json or a Go template");
}

Result<int> print_object(const Json& object, const std::string& format, const std::string& text) {
    if (format.empty()) return print(text);
    if (format == "json") return print(object.dump() + "\n");
    return print(TRY(TRY(Template::parse(format)).render(object)) + "\n");
}

Result<int> run_version(Context&, FormatOptions& options) {
    utsname host{};
    uname(&host);
    const Json client{{"Version", GANTRY_VERSION}, {"Os", "linux"}, {"Arch", host.machine}, {"KernelVersion", host.release}};
    // One program does the work of Docker's client and server: both say the same.
    const Json object{{"Client", client}, {"Server", client}};
    return print_object(
        object, options.format,
        fmt::format("gantry version {}\nOS/Arch: linux/{}\nKernel:  {}\n", GANTRY_VERSION, host.machine, host.release));
}

Result<int> run_info(Context& context, FormatOptions& options) {
    auto* engine = TRY(context.engine());
    std::map<std::string, int> states;
    const auto containers = TRY(engine->containers());
    for (const auto& container : containers) ++states[container.state];
    utsname host{};
    uname(&host);
    Json drivers = Json::array();
    std::string driver_lines;
    for (const auto& driver : engine->drivers().list()) {
        drivers.push_back(Json{{"Kind", driver.kind == GANTRY_DRIVER_STORAGE ? "storage" : "network"},
                               {"Name", driver.name},
                               {"Version", driver.version},
                               {"File", driver.file},
                               {"Problem", driver.problem}});
        driver_lines += fmt::format("  {} {} {}{}\n", driver.kind == GANTRY_DRIVER_STORAGE ? "storage" : "network", driver.name,
                                    driver.version, driver.problem.empty() ? "" : " (" + driver.problem + ")");
    }
    const auto images = TRY(TRY(engine->images())->list()).size();
    const Json object{{"Containers", containers.size()},
                      {"ContainersRunning", states["running"]},
                      {"ContainersPaused", states["paused"]},
                      {"ContainersStopped", static_cast<int>(containers.size()) - states["running"] - states["paused"]},
                      {"Images", images},
                      {"Driver", engine->config().storage_driver},
                      {"Drivers", drivers},
                      {"CgroupDriver", "systemd"},
                      {"CgroupVersion", "2"},
                      {"LoggingDriver", "journald"},
                      {"KernelVersion", host.release},
                      {"Architecture", host.machine},
                      {"NCPU", sysconf(_SC_NPROCESSORS_ONLN)},
                      {"MemTotal", static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE)},
                      {"DockerRootDir", engine->paths().data},
                      {"Name", host.nodename},
                      {"ServerVersion", GANTRY_VERSION}};
    const std::string text = fmt::format(
        "Containers: {}\n Running: {}\n Paused: {}\n Stopped: {}\nImages: {}\nServer Version: {}\nStorage Driver: {}\n"
        "Logging Driver: journald\nCgroup Driver: systemd\nCgroup Version: 2\nDrivers:\n{}Kernel Version: {}\nArchitecture: "
        "{}\n"
        "CPUs: {}\nTotal Memory: {}\nName: {}\nRoot Dir: {}\n",
        containers.size(), states["running"], states["paused"],
        static_cast<int>(containers.size()) - states["running"] - states["paused"], images, GANTRY_VERSION,
        engine->config().storage_driver, driver_lines, host.release, host.machine, sysconf(_SC_NPROCESSORS_ONLN),
        human_size_binary(object["MemTotal"].get<std::uint64_t>()), host.nodename, engine->paths().data);
    return print_object(object, options.format, text);
}

void declare_df(Verb& verb, FormatOptions& options) {
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template");
    verb.add_flag("-v,--verbose", options.verbose, "every object");
}

const Listing df_listing{
    {{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"}, {"TotalCount", "TOTAL"}, {"Type", "TYPE"}},
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    "Type"};

struct Usage {
    std::size_t total = 0, active = 0;
    std::uint64_t bytes = 0, reclaimable = 0;
};

Json df_row(const char* type, const Usage& usage) {
    std::string reclaimable = human_size(usage.reclaimable);
    if (usage.bytes) reclaimable += fmt::format(" ({}%)", usage.reclaimable * 100 / usage.bytes);
    return Json{{"Active", std::to_string(usage.active)},
                {"Reclaimable", reclaimable},
                {"Size", human_size(usage.bytes)},
                {"TotalCount", std::to_string(usage.total)},
                {"Type", type}};
}

bool runs(const container::Container& container) { return container.state == "running" || container.state == "paused"; }

// Layers are counted once, whoever shares them; what no used image has is reclaimable.
Result<Usage> image_usage(container::Engine& engine, const std::vector<container::Container>& containers) {
    Usage usage;
    auto* store = TRY(engine.images());
    std::map<std::string, bool> layers;  // key, used
    for (const auto& image : TRY(store->list())) {
        const bool used = std::ranges::any_of(containers, [&](const auto& container) {
            return container.definition.image_id == image.id.str() ||
                   std::ranges::find(image.names, container.definition.image) != image.names.end();
        });
        ++usage.total;
        usage.active += used ? 1 : 0;
        for (const auto& key : store->layer_keys(TRY(store->config(image)))) layers[key] |= used;
    }
    for (const auto& [key, used] : layers) {
        const std::uint64_t size = store->storage().layer_size(key).value_or(0);
        usage.bytes += size;
        if (!used) usage.reclaimable += size;
    }
    return usage;
}

Result<Usage> container_usage(container::Engine& engine, const std::vector<container::Container>& containers) {
    Usage usage;
    for (const auto& container : containers) {
        if (container.problem) continue;
        ++usage.total;
        usage.active += runs(container) ? 1 : 0;
        const auto status = TRY(engine.storage(container.definition.storage_driver))->status(container.name.str());
        const std::uint64_t size = status.ok() ? status->bytes : 0;
        usage.bytes += size;
        if (!runs(container)) usage.reclaimable += size;
    }
    return usage;
}

std::uint64_t tree_bytes(const std::string& folder) {
    std::uint64_t bytes = 0;
    std::error_code failure;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, failure); !failure && at != std::filesystem::end(at);
         at.increment(failure))
        if (at->is_regular_file(failure) && !at->is_symlink(failure)) bytes += at->file_size(failure);
    return bytes;
}

Result<Usage> volume_usage(container::Engine& engine, const std::vector<container::Container>& containers) {
    Usage usage;
    for (const auto& volume : TRY(engine.volumes())) {
        const bool used = std::ranges::any_of(containers, [&](const auto& container) {
            return std::ranges::any_of(container.definition.mounts, [&](const auto& mount) {
                return mount.type == config::MountType::volume && mount.source == volume.name;
            });
        });
        ++usage.total;
        usage.active += used ? 1 : 0;
        const std::uint64_t size = tree_bytes(volume.path);
        usage.bytes += size;
        if (!used) usage.reclaimable += size;
    }
    return usage;
}

Result<int> run_df(Context& context, FormatOptions& options) {
    auto* engine = TRY(context.engine());
    const auto containers = TRY(engine->containers());
    const std::vector<Json> rows{df_row("Images", TRY(image_usage(*engine, containers))),
                                 df_row("Containers", TRY(container_usage(*engine, containers))),
                                 df_row("Local Volumes", TRY(volume_usage(*engine, containers)))};
    return print(TRY(print_listing(df_listing, {options.format, false}, rows)));
}

struct SystemCheckOptions {
    bool repair = false, deep = false;
    std::string format;
};

void declare_system_check(Verb& verb, SystemCheckOptions& options) {
    verb.add_flag("--repair", options.repair, "mend what can be mended");
    verb.add_flag("--deep", options.deep, "hash every blob again");
    verb.add_option("--format", options.format, "json").one_of({"json"});
}

Result<int> run_system_check(Context& context, SystemCheckOptions& options) {
    auto* engine = TRY(context.engine());
    const auto findings = TRY(engine->system_check(options.repair, options.deep));
    std::size_t open = 0;
    for (const auto& finding : findings) {
        open += finding.repaired ? 0 : 1;
        if (options.format == "json")
            TRY(print(Json{{"Object", finding.object}, {"Problem", finding.problem}, {"Repaired", finding.repaired}}.dump() +
                      "\n"));
        else
            TRY(print(fmt::format("{}: {}{}\n", finding.object, finding.problem, finding.repaired ? " (repaired)" : "")));
    }
    if (options.format != "json")
        TRY(print(findings.empty()
                      ? std::string("no problems found\n")
                      : fmt::format("{} problem(s) found, {} repaired\n", findings.size(), findings.size() - open)));
    return open ? 1 : 0;
}

struct PruneOptions {
    bool force = false, all = false, volumes = false;
};

void declare_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-f,--force", options.force, "do not ask");
    verb.add_flag("-a,--all", options.all, "every unused image, not only untagged ones");
    verb.add_flag("--volumes", options.volumes, "anonymous volumes too");
}

// The four prunes one after the other, through the verbs themselves.
Result<int> run_prune(Context& context, PruneOptions& options) {
    if (!options.force &&
        !TRY(confirm(
            "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"
            "  - all unused images" +
            std::string(options.volumes ? "\n  - all anonymous volumes not used by a container" : ""))))
        return 0;
    std::vector<std::vector<std::string>> steps{{"container", "prune", "--force"}, {"network", "prune", "--force"}};
    if (options.volumes) steps.push_back({"volume", "prune", "--force"});
    steps.push_back({"image", "prune", "--force"});
    if (options.all) steps.back().emplace_back("--all");
    int status = 0;
    for (const auto& step : steps) status = std::max(status, run_command_line(step, context));
    return status;
}

struct CheckOptions {
    std::vector<std::string> files;
};

void declare_check(Verb& verb, CheckOptions& options) {
    verb.add_option("FILE", options.files, "definition files; all known definitions if none is given");
}

Result<int> run_check(Context& context, CheckOptions& options) {
    auto* engine = TRY(context.engine());
    if (options.files.empty())
        for (const auto& [name, file] : TRY(config::list_definitions())) options.files.push_back(file);
    return for_each_object(options.files, [&](const std::string& file) -> Result<> {
        const std::string text = TRY(os::read_file(file, config::definition_limit));
        const auto definition = TRY(config::parse_definition(text, file));
        const auto name = TRY_CONTEXT(ContainerName::parse(std::filesystem::path(file).stem().string()), "{}", file);
        TRY_CONTEXT(engine->check(name, definition), "{}", file);
        TRY(print(file + ": ok\n"));
        return {};
    });
}

}  // namespace

void add_system_verbs(Parents& parents, Context& context) {
    add_verb(parents.system, context, "df", "Show what takes space", declare_df, run_df);
    for (Verb* parent : {&parents.top, &parents.system})
        add_verb(*parent, context, "info", "Show the engine and the host", declare_format, run_info);
    add_verb(parents.system, context, "check", "Look for damage and leftovers", declare_system_check, run_system_check);
    add_verb(parents.system, context, "prune", "Remove unused objects", declare_prune, run_prune);
    add_verb(parents.top, context, "check", "Say what a start of these definitions would say", declare_check, run_check);
    add_verb(parents.top, context, "version", "Show the version", declare_format, run_version);
}

}  // namespace gantry::cli
