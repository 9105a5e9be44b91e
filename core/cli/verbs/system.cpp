// info, system check; check; version.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/format/template.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

#include <ctime>
#include <filesystem>
#include <sstream>
#include <sys/utsname.h>
#include <unistd.h>

namespace gantry::cli {

namespace {

struct FormatOptions {
    std::string format;
};

void declare_format(Verb& verb, FormatOptions& options) {
    verb.add_option("-f,--format", options.format, "json or a Go template").value("FORMAT");
}

Result<int> print_object(const Json& object, const std::string& format, const std::string& text) {
    if (format.empty()) return print(text);
    if (format == "json") return print(dump_json(object) + "\n");
    return print(TRY(TRY(Template::parse(format)).render(object)) + "\n");
}

// Go's name of the machine, which Docker shows; uname's is in `info`.
std::string go_arch() { return image::Platform::host().architecture; }

Result<int> run_version(Context&, FormatOptions& options) {
    utsname host{};
    uname(&host);
    const Json client{{"Platform", Json{{"Name", "Gantry"}}},
                      {"Version", GANTRY_VERSION},
                      {"Os", "linux"},
                      {"Arch", go_arch()},
                      {"Context", "default"}};
    Json server{{"Platform", Json{{"Name", "Gantry"}}},
                {"Components", Json::array({Json{{"Name", "Engine"}, {"Version", GANTRY_VERSION}}})},
                {"Version", GANTRY_VERSION},
                {"Os", "linux"},
                {"Arch", go_arch()},
                {"KernelVersion", host.release}};
    // One program does the work of Docker's client and server: both say the same.
    return print_object(Json{{"Client", client}, {"Server", server}}, options.format,
                        fmt::format("Client: Gantry\n Version:           {0}\n OS/Arch:           linux/{1}\n\n"
                                    "Server: Gantry\n Engine:\n  Version:          {0}\n  OS/Arch:          linux/{1}\n"
                                    "  Kernel Version:   {2}\n",
                                    GANTRY_VERSION, go_arch(), host.release));
}

// PRETTY_NAME of os-release(5).
std::string operating_system() {
    std::istringstream lines(os::read_file("/etc/os-release").value_or(""));
    static const std::string key = "PRETTY_NAME=";
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(key)) continue;
        std::string value = line.substr(key.size());
        std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
        return value;
    }
    return "Linux";
}

Json drivers_of(container::Engine& engine) {
    Json drivers = Json::array();
    for (const auto& driver : engine.drivers().list())
        drivers.push_back(Json{{"Kind", driver.kind == GANTRY_DRIVER_STORAGE ? "storage" : "network"},
                               {"Name", driver.name},
                               {"Version", driver.version},
                               {"File", driver.file},
                               {"Problem", driver.problem}});
    return drivers;
}

// Docker's fields, where they mean something here, and Drivers.
Result<Json> info_of(container::Engine& engine) {
    const auto containers = TRY(engine.containers());
    const auto in_state = [&](const char* state) {
        return std::ranges::count(containers, state, &container::Container::state);
    };
    utsname host{};
    uname(&host);
    const Json drivers = drivers_of(engine);
    Json network_names = Json::array({"host", "none"});
    for (const auto& driver : drivers)
        if (driver["Kind"] == "network") network_names.push_back(driver["Name"]);
    const auto running = in_state("running"), paused = in_state("paused");
    const auto images = TRY(TRY(engine.images())->list()).size();
    return Json{{"ID", os::read_file("/etc/machine-id", 64).value_or("").substr(0, 32)},
                {"Containers", containers.size()},
                {"ContainersRunning", running},
                {"ContainersPaused", paused},
                {"ContainersStopped", static_cast<std::int64_t>(containers.size()) - running - paused},
                {"Images", images},
                {"Driver", engine.config().storage_driver},
                {"Drivers", drivers},
                {"Plugins", Json{{"Volume", {"local"}}, {"Network", network_names}, {"Log", {"journald", "none"}}}},
                {"LoggingDriver", "journald"},
                {"CgroupDriver", "systemd"},
                {"CgroupVersion", "2"},
                {"KernelVersion", host.release},
                {"OperatingSystem", operating_system()},
                {"OSType", "linux"},
                {"Architecture", host.machine},
                {"NCPU", sysconf(_SC_NPROCESSORS_ONLN)},
                {"MemTotal", static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE)},
                {"DockerRootDir", engine.paths().data},
                {"Name", host.nodename},
                {"ServerVersion", GANTRY_VERSION},
                {"SystemTime", docker_time(static_cast<std::int64_t>(std::time(nullptr)) * 1000000)},
                {"SecurityOptions", {"name=seccomp,profile=builtin", "name=cgroupns"}},
                {"DefaultRuntime", "gantry"},
                {"InitBinary", "gantry-init"},
                {"LiveRestoreEnabled", true},  // containers never depend on a daemon
                {"Swarm", Json{{"LocalNodeState", "inactive"}}},
                {"Warnings", Json::array()}};
}

Result<int> run_info(Context& context, FormatOptions& options) {
    auto* engine = TRY(context.engine());
    const Json info = TRY(info_of(*engine));
    const auto text = [&](const char* key) {
        return info[key].is_string() ? info[key].get<std::string>() : dump_json(info[key]);
    };
    std::string out = "Server:\n";
    const auto line = [&](const char* title, const std::string& value) { out += fmt::format(" {}: {}\n", title, value); };
    line("Containers", text("Containers"));
    line(" Running", text("ContainersRunning"));
    line(" Paused", text("ContainersPaused"));
    line(" Stopped", text("ContainersStopped"));
    line("Images", text("Images"));
    line("Server Version", text("ServerVersion"));
    line("Storage Driver", text("Driver"));
    line("Logging Driver", text("LoggingDriver"));
    line("Cgroup Driver", text("CgroupDriver"));
    line("Cgroup Version", text("CgroupVersion"));
    out += " Drivers:\n";
    for (const auto& driver : info["Drivers"]) {
        const std::string problem = driver["Problem"];
        out += fmt::format("  {} {} {}{}\n", driver["Kind"].get<std::string>(), driver["Name"].get<std::string>(),
                           driver["Version"].get<std::string>(), problem.empty() ? "" : " (" + problem + ")");
    }
    line("Kernel Version", text("KernelVersion"));
    line("Operating System", text("OperatingSystem"));
    line("OSType", text("OSType"));
    line("Architecture", text("Architecture"));
    line("CPUs", text("NCPU"));
    line("Total Memory", human_size_binary(info["MemTotal"].get<std::uint64_t>()));
    line("Name", text("Name"));
    line("ID", text("ID"));
    line("Docker Root Dir", text("DockerRootDir"));
    return print_object(info, options.format, out);
}

struct SystemCheckOptions {
    bool repair = false, deep = false;
    std::string format;
};

void declare_system_check(Verb& verb, SystemCheckOptions& options) {
    verb.add_flag("--repair", options.repair, "mend what can be mended");
    verb.add_flag("--deep", options.deep, "hash every blob again");
    verb.add_option("--format", options.format, "json").value("FORMAT").one_of({"json"});
}

Result<int> run_system_check(Context& context, SystemCheckOptions& options) {
    auto* engine = TRY(context.engine());
    const auto findings = TRY(engine->system_check(options.repair, options.deep));
    std::size_t open = 0;
    for (const auto& finding : findings) {
        open += finding.repaired ? 0 : 1;
        if (options.format == "json")
            TRY(print(
                dump_json(Json{{"Object", finding.object}, {"Problem", finding.problem}, {"Repaired", finding.repaired}}) +
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
    for (Verb* parent : {&parents.top, &parents.system})
        add_verb(*parent, context, "info", "Show the engine and the host", declare_format, run_info);
    add_verb(parents.system, context, "check", "Look for damage and leftovers", declare_system_check, run_system_check);
    add_verb(parents.top, context, "check", "Say what a start of these definitions would say", declare_check, run_check);
    add_verb(parents.top, context, "version", "Show the version", declare_format, run_version);
}

}  // namespace gantry::cli
