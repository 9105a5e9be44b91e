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

const Listing df_images_listing{
    {{"Containers", "CONTAINERS"},
     {"ID", "IMAGE ID"},
     {"Repository", "REPOSITORY"},
     {"SharedSize", "SHARED SIZE"},
     {"Size", "SIZE"},
     {"Tag", "TAG"},
     {"UniqueSize", "UNIQUE SIZE"}},
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
    "ID"};
const Listing df_containers_listing{
    {{"Names", "NAMES"}, {"Size", "SIZE"}, {"Status", "STATUS"}}, "{{.Names}}\t{{.Status}}\t{{.Size}}", "Names"};
const Listing df_volumes_listing{
    {{"Links", "LINKS"}, {"Name", "VOLUME NAME"}, {"Size", "SIZE"}}, "{{.Name}}\t{{.Links}}\t{{.Size}}", "Name"};

using Usage = container::Engine::Usage;

Json df_row(const char* type, const std::vector<Usage::Item>& items, std::uint64_t bytes, std::uint64_t reclaimable) {
    std::string free = human_size(reclaimable);
    if (bytes) free += fmt::format(" ({}%)", reclaimable * 100 / bytes);
    return Json{{"Active", std::to_string(std::ranges::count(items, true, &Usage::Item::active))},
                {"Reclaimable", free},
                {"Size", human_size(bytes)},
                {"TotalCount", std::to_string(items.size())},
                {"Type", type}};
}

// Of containers and volumes, which share nothing.
Json df_row(const char* type, const std::vector<Usage::Item>& items) {
    std::uint64_t bytes = 0, reclaimable = 0;
    for (const auto& item : items) {
        bytes += item.bytes;
        if (!item.active) reclaimable += item.bytes;
    }
    return df_row(type, items, bytes, reclaimable);
}

// Every object with what it takes, as Docker's -v.
Result<int> print_df_objects(container::Engine& engine, const Usage& usage) {
    std::map<std::string, std::vector<std::string>> names_of;
    for (auto& image : TRY(TRY(engine.images())->list())) names_of[image.id.str()] = std::move(image.names);
    std::vector<Json> rows;
    for (const auto& item : usage.images) {
        const auto& names = names_of[item.name];
        const auto ref = names.empty() ? std::nullopt : std::optional(TRY(ImageRef::parse(names[0])));
        rows.push_back(Json{{"Repository", ref ? ref->familiar_repository() : "<none>"},
                            {"Tag", ref ? ref->tag : "<none>"},
                            {"ID", short_id(item.name)},
                            {"Size", human_size(item.bytes)},
                            {"SharedSize", human_size(item.bytes - item.unique)},
                            {"UniqueSize", human_size(item.unique)},
                            {"Containers", std::to_string(item.users)}});
    }
    std::string text = "Images space usage:\n\n" + TRY(print_listing(df_images_listing, {}, rows));
    rows.clear();
    for (const auto& item : usage.containers)
        rows.push_back(
            Json{{"Names", item.name}, {"Size", human_size(item.bytes)}, {"Status", item.active ? "running" : "stopped"}});
    text += "\nContainers space usage:\n\n" + TRY(print_listing(df_containers_listing, {}, rows));
    rows.clear();
    for (const auto& item : usage.volumes)
        rows.push_back(Json{{"Name", item.name}, {"Links", std::to_string(item.users)}, {"Size", human_size(item.bytes)}});
    text += "\nLocal Volumes space usage:\n\n" + TRY(print_listing(df_volumes_listing, {}, rows));
    return print(text);
}

Result<int> run_df(Context& context, FormatOptions& options) {
    auto* engine = TRY(context.engine());
    const Usage usage = TRY(engine->usage());
    if (options.verbose) return print_df_objects(*engine, usage);
    const std::vector<Json> rows{df_row("Images", usage.images, usage.layer_bytes, usage.layer_reclaimable),
                                 df_row("Containers", usage.containers), df_row("Local Volumes", usage.volumes)};
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
