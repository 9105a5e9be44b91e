#include "launch/plan.hpp"

#include "base/hash.hpp"
#include "container/machine.hpp"
#include "container/volume_store.hpp"
#include "launch/image_reader.hpp"
#include "os/file.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace gantry::launch {

namespace {

Result<std::string> id_of(const Plan& plan) {
    if (!plan.definition.id.empty()) return plan.definition.id;
    std::string machine = TRY_CONTEXT(os::read_file("/etc/machine-id", 4096), "container id");
    while (!machine.empty() && machine.back() == '\n') machine.pop_back();
    return derived_container_id(machine, plan.name);
}

// VOLUMEs of the image that no mount covers, and volumes without a name, are the container's anonymous ones.
void name_volumes(Plan& plan) {
    std::vector<config::Mount>& mounts = plan.definition.mounts;
    for (const std::string& target : plan.image.volumes) {
        if (std::ranges::find(mounts, target, &config::Mount::target) != mounts.end()) continue;
        config::Mount mount;
        mount.type = config::MountType::volume;
        mount.target = target;
        mounts.push_back(std::move(mount));
    }
    for (config::Mount& mount : mounts)
        if (mount.type == config::MountType::volume && mount.source.empty())
            mount.source = container::anonymous_volume_name(plan.id, mount.target);
    // A mount below another one's target must come after it.
    std::ranges::stable_sort(mounts, {}, [](const config::Mount& mount) { return std::ranges::count(mount.target, '/'); });
}

void decide_namespaces(Plan& plan) {
    using Kind = config::NamespaceMode::Kind;
    const config::Definition& definition = plan.definition;
    plan.own_net =
        definition.network_mode == config::NetworkMode::networks || definition.network_mode == config::NetworkMode::none;
    plan.own_pid = definition.pid.kind == Kind::private_;
    plan.own_ipc = definition.ipc.kind == Kind::private_;
    plan.own_uts = definition.uts.kind == Kind::private_;
    plan.own_cgroup = definition.cgroup.kind == Kind::private_;
    if (definition.user.kind != Kind::private_) return;
    // 65536 ids of the range that systemd sets aside for containers (systemd.io/UIDS-GIDS: 524288..1879048191), chosen by the
    // id so that every start has the same.
    const std::uint64_t hash = fnv1a(plan.id);
    constexpr std::uint32_t first = 524288, slots = (1879048192U - 524288U) / 65536U;
    plan.ids.push_back({0, first + static_cast<std::uint32_t>(hash % slots) * 65536U, 65536});
}

Result<> check_sysctls(const Plan& plan) {
    const sandbox::OwnNamespaces own{plan.own_net, plan.own_ipc, plan.own_uts};
    for (const auto& [name, value] : plan.definition.sysctls) TRY(sandbox::check_sysctl(name, own));
    return {};
}

Result<std::map<std::string, std::string>> read_credentials() {
    std::map<std::string, std::string> out;
    const char* folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder) return out;
    for (const std::string& name : TRY(os::list_dir(folder)))
        // systemd bounds all credentials of a service to 1 MiB (systemd.exec(5)).
        out[name] = TRY_CONTEXT(os::read_file(std::string(folder) + "/" + name, 1U << 20), "credential '{}'", name);
    return out;
}

unsigned passed_sockets() {
    const char* count = getenv("LISTEN_FDS");
    const char* pid = getenv("LISTEN_PID");
    if (!count || !pid || std::to_string(getpid()) != pid) return 0;
    unsigned number = 0;
    const std::string_view text = count;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number > 1000 ? 0 : number;
}

Result<> find_container(Plan& plan) {
    config::FoundDefinition found = TRY(config::find_definition(plan.name));
    FoundImage image = TRY(find_image(plan.paths, found.definition.image, found.definition.image_id));
    plan.file = std::move(found.file);
    plan.definition = std::move(found.definition);
    plan.image_id = image.id.str();
    plan.image = std::move(image.config);
    return {};
}

Result<> find_step(Plan& plan, const std::string& build) {
    container::BuildStep step = TRY(container::read_build_step(plan.paths, build, plan.name));
    plan.build = build;
    plan.file = container::build_step_file(plan.paths, build, plan.name);
    plan.definition = std::move(step.definition);
    plan.image = TRY(image::parse_image_config(step.image_config));
    plan.trees = std::move(step.trees);
    plan.mount_points = std::move(step.mount_points);
    return {};
}

}  // namespace

Result<Plan> make_plan(const ContainerName& name, const std::string& build) {
    Plan plan{config::Paths::from_environment(), {}, name};
    plan.engine = TRY(config::load_engine(plan.paths));
    TRY(build.empty() ? find_container(plan) : find_step(plan, build));
    plan.id = TRY(id_of(plan));
    plan.argv = TRY(command_of(plan.definition, plan.image));
    plan.machine = container::is_machine(plan.definition, plan.image.entrypoint, plan.image.command);
    plan.workdir = !plan.definition.workdir.empty() ? plan.definition.workdir
                   : plan.image.workdir.empty()     ? "/"
                                                    : plan.image.workdir;
    decide_namespaces(plan);
    plan.hostname = !plan.definition.hostname.empty() ? plan.definition.hostname : plan.id.substr(0, 12);
    // On the host's network it is called as the host is, as docker does it.
    if (!plan.own_uts || (plan.definition.network_mode == config::NetworkMode::host && plan.definition.hostname.empty())) {
        char host[256]{};
        gethostname(host, sizeof host - 1);
        plan.hostname = host;
    } else if (plan.definition.network_mode == config::NetworkMode::container) {
        // As the files that come with the network say. That the other runs is checked when it is joined.
        const std::string other =
            os::read_file(plan.paths.record(plan.definition.network_container) + "/hostname", 4096).value_or("");
        if (!other.empty()) plan.hostname = other.substr(0, other.find('\n'));
    }
    name_volumes(plan);
    TRY(check_sysctls(plan));
    plan.privileges = TRY(sandbox::privileges_of(plan.definition, plan.paths.cache + "/seccomp"));
    plan.sockets = passed_sockets();
    plan.credentials = TRY(read_credentials());
    const char* notify = getenv("NOTIFY_SOCKET");
    if (notify && (plan.definition.ready == config::Ready::notify || plan.definition.watchdog)) plan.notify_socket = notify;
    return plan;
}

}  // namespace gantry::launch
