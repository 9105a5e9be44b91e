#include "launch/plan.hpp"

#include "container/attachments.hpp"
#include "container/volume_store.hpp"
#include "os/file.hpp"

#include <filesystem>

namespace gantry::launch {

namespace {

using Strings = std::vector<std::string>;

Result<> read_image(Plan& plan) {
    driver::Loader loader(plan.paths.drivers, plan.paths.data, plan.paths.run);
    plan.storage_name = plan.definition.storage_driver.empty() ? plan.engine.storage_driver : plan.definition.storage_driver;
    plan.storage = TRY(loader.storage(plan.storage_name));
    TRY_CONTEXT(plan.storage->probe(), "storage driver '{}'", plan.storage_name);
    const auto store = TRY(image::Store::open(plan.paths, *plan.storage));
    const auto image = TRY(store.find(plan.definition.image_id.empty() ? plan.definition.image : plan.definition.image_id));
    plan.image_id = image.id.str();
    plan.image = TRY(store.config(image));
    plan.rootfs.container = plan.name.str();
    plan.rootfs.layers = store.layer_keys(plan.image);
    plan.rootfs.size_limit = plan.definition.storage_size;
    return plan.storage->validate(plan.rootfs);
}

// Docker's rule (moby daemon/commit.go merge): a new entry point takes the image's command away.
Result<> plan_command(Plan& plan) {
    const auto& definition = plan.definition;
    plan.argv = definition.entrypoint ? *definition.entrypoint : plan.image.entrypoint;
    const Strings none;
    const Strings& command = definition.command ? *definition.command : definition.entrypoint ? none : plan.image.command;
    plan.argv.insert(plan.argv.end(), command.begin(), command.end());
    if (plan.argv.empty()) return error(Errc::invalid, "no command specified: neither '{}' nor its image names one", plan.definition_file);
    const std::string program = std::filesystem::path(plan.argv[0]).filename().string();
    plan.machine = program == "systemd" || program == "init";
    return {};
}

void set_variable(Strings& environment, const std::string& name, const std::string& value) {
    std::erase_if(environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
    environment.push_back(name + "=" + value);
}

bool has_variable(const Strings& environment, std::string_view name) {
    return std::ranges::any_of(environment, [&](const std::string& entry) {
        return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
    });
}

Result<> read_env_file(const std::string& file, Strings& environment) {
    const std::string text = TRY(os::read_file(file));
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        line.erase(0, line.find_first_not_of(" \t"));
        if (line.empty() || line[0] == '#') continue;
        const auto equals = line.find('=');
        if (equals == std::string::npos || equals == 0) return error(Errc::invalid, "{}: line '{}' is not NAME=VALUE", file, line);
        set_variable(environment, line.substr(0, equals), line.substr(equals + 1));
    }
    return {};
}

Result<> plan_environment(Plan& plan) {
    auto& environment = plan.environment;
    environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + plan.hostname};
    if (plan.definition.tty) environment.emplace_back("TERM=xterm");
    if (plan.machine) environment.emplace_back("container=gantry");  // systemd's container interface
    for (const auto& entry : plan.image.env) {
        const auto equals = entry.find('=');
        set_variable(environment, entry.substr(0, equals), equals == std::string::npos ? "" : entry.substr(equals + 1));
    }
    for (const auto& file : plan.definition.env_files) TRY_CONTEXT(read_env_file(file, environment), "env file");
    for (const auto& [name, value] : plan.definition.env) set_variable(environment, name, value);
    // What systemd gave this service and the payload can use as PID 1 of its own namespace (sd_listen_fds(3), sd_watchdog(3)).
    for (const char* name : {"LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC"})
        if (const char* value = std::getenv(name); value && !has_variable(environment, name)) set_variable(environment, name, value);
    if (std::getenv("LISTEN_FDS")) set_variable(environment, "LISTEN_PID", "1");
    if (std::getenv("WATCHDOG_USEC")) set_variable(environment, "WATCHDOG_PID", "1");
    return {};
}

// The image's volumes are anonymous ones unless the definition mounts something there itself.
void plan_mounts(Plan& plan) {
    plan.mounts = plan.definition.mounts;
    for (const auto& target : plan.image.volumes) {
        const std::string clean = std::filesystem::path(target).lexically_normal().string();
        if (std::ranges::any_of(plan.mounts, [&](const auto& mount) { return mount.target == clean || mount.target == target; })) continue;
        config::Mount mount;
        mount.type = config::MountType::volume;
        mount.target = clean;
        plan.mounts.push_back(std::move(mount));
    }
    for (auto& mount : plan.mounts)
        if (mount.type == config::MountType::volume && mount.source.empty())
            mount.source = container::anonymous_volume_name(plan.id, mount.target);
    std::ranges::stable_sort(plan.mounts, [](const auto& a, const auto& b) {
        return std::ranges::count(a.target, '/') < std::ranges::count(b.target, '/');
    });
}

Result<> plan_networks(Plan& plan) {
    driver::Loader loader(plan.paths.drivers, plan.paths.data, plan.paths.run);
    const auto driver_named = [&](const std::string& name) -> Result<driver::NetworkDriver*> {
        auto& slot = plan.network_drivers[name];
        if (!slot) {
            slot = TRY(loader.network(name));
            TRY_CONTEXT(slot->probe(), "network driver '{}'", name);
        }
        return slot.get();
    };
    auto requests = TRY(container::attach_requests(plan.paths, plan.engine, driver_named, plan.name, plan.id, plan.definition,
                                                   plan.image.exposed_ports));
    for (auto& request : requests) {
        auto* driver = TRY(driver_named(request.network.driver));
        TRY_CONTEXT(driver->validate(request), "network '{}'", request.network.name);
        plan.networks.push_back({driver, std::move(request)});
    }
    return {};
}

}  // namespace

Result<Plan> read_plan(const config::Paths& paths, const ContainerName& name) {
    auto found = TRY(config::find_definition(name));
    auto engine = TRY(config::load_engine(paths));
    Plan plan{.paths = paths, .engine = std::move(engine), .name = name, .id = found.definition.id, .definition_file = found.file,
              .definition = std::move(found.definition)};
    if (plan.id.empty()) plan.id = derived_container_id(TRY(os::read_file("/etc/machine-id", 64)), name);
    plan.hostname = plan.definition.hostname.empty() ? plan.id.substr(0, 12) : plan.definition.hostname;
    TRY_CONTEXT(read_image(plan), "image '{}'", plan.definition.image);
    TRY(plan_command(plan));
    TRY(plan_environment(plan));
    plan.workdir = !plan.definition.workdir.empty() ? plan.definition.workdir : !plan.image.workdir.empty() ? plan.image.workdir : "/";
    plan.run_as = plan.definition.run_as.empty() ? plan.image.user : plan.definition.run_as;
    plan_mounts(plan);
    TRY(plan_networks(plan));
    plan.privileges = TRY(sandbox::privileges_of(plan.definition, paths.cache + "/seccomp"));
    return plan;
}

}  // namespace gantry::launch
