#include "launch/start.hpp"

#include "container/exit_status.hpp"
#include "container/policy.hpp"
#include "container/services.hpp"
#include "launch/cgroup_limits.hpp"
#include "launch/child.hpp"
#include "launch/files.hpp"
#include "launch/image_reader.hpp"
#include "launch/join.hpp"
#include "launch/kernel.hpp"
#include "launch/machine.hpp"
#include "launch/names.hpp"
#include "launch/network.hpp"
#include "launch/notify.hpp"
#include "launch/undo.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/userns.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

namespace gantry::launch {

namespace {

constexpr int engine_error = 125;

// Ports whose sockets systemd handed in.
std::vector<policy::SocketPort> socket_ports(const Plan& plan) {
    std::vector<policy::SocketPort> out;
    if (plan.sockets == 0) return out;
    for (const config::Port& port : plan.definition.ports)
        if (port.socket)
            out.push_back({static_cast<std::uint8_t>(port.protocol == "udp" ? IPPROTO_UDP : IPPROTO_TCP), port.host_port,
                           port.host_port_end, port.container_port});
    return out;
}

Failure failed(Error reason, std::string_view step, int status = engine_error) {
    return {status, step.empty() ? std::move(reason) : std::move(reason).context(step)};
}

// Unwraps a Result or leaves start() with the step's name.
#define STEP(name, expression)                                                              \
    ({                                                                                      \
        auto step_result_ = (expression);                                                   \
        if (!step_result_.ok()) return fail(failed(std::move(step_result_).error(), name)); \
        std::move(step_result_).value();                                                    \
    })

std::uint64_t clone_flags(const Plan& plan) {
    std::uint64_t flags = CLONE_PARENT | CLONE_NEWNS;
    if (plan.own_pid) flags |= CLONE_NEWPID;
    if (plan.own_net) flags |= CLONE_NEWNET;
    if (plan.own_ipc) flags |= CLONE_NEWIPC;
    if (plan.own_uts) flags |= CLONE_NEWUTS;
    if (plan.own_cgroup) flags |= CLONE_NEWCGROUP;
    if (!plan.ids.empty()) flags |= CLONE_NEWUSER;
    return flags;
}

driver::RootfsRequest rootfs_request(const Plan& plan, const driver::StorageDriver& storage,
                                     std::vector<driver::LayerKey> layers) {
    static_cast<void>(storage);
    driver::RootfsRequest request;
    request.container = plan.name.str();
    request.layers = std::move(layers);
    // A read-only root is made so after the mount points are there: an image rarely has them all.
    request.size_limit = plan.definition.storage_size;
    request.uid_map = request.gid_map = plan.ids;
    request.mount_points = {{"/proc", true},       {"/sys", true},           {"/dev", true},
                            {"/etc/hosts", false}, {"/etc/hostname", false}, {"/etc/resolv.conf", false}};
    request.mount_points.insert(request.mount_points.end(), plan.mount_points.begin(), plan.mount_points.end());
    return request;
}

// Whether somebody else says when it can serve: its health check, or the container itself.
bool waits_to_serve(const Plan& plan) {
    const auto& health = plan.definition.health;
    if (plan.definition.ready != config::Ready::started) return true;
    if (health.disabled) return false;
    return !health.command.empty() ||
           (plan.image.health && !plan.image.health->test.empty() && plan.image.health->test.front() != "NONE");
}

container::Record record_of(const Plan& plan, const Networks& networks, const std::string& storage_driver, pid_t pid) {
    container::Record record;
    record.name = plan.name.str();
    record.id = plan.id;
    record.image = plan.definition.image;
    record.image_id = plan.image_id;
    record.storage_driver = storage_driver;
    // A step's is its result: the builder makes a layer of it.
    record.writable_layer = plan.build.empty();
    record.auto_remove = plan.definition.auto_remove;
    record.command = plan.argv;
    record.definition_file = plan.file;
    record.started_us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    record.oom_kills = container::oom_kills(own_cgroup().value_or(""));
    record.pid = pid;
    record.networks = networks.record();
    return record;
}

Result<> write_maps(const Plan& plan, pid_t pid) {
    std::vector<os::IdRange> ranges;
    for (const driver::IdMap& id : plan.ids) ranges.push_back({id.container, id.host, id.count});
    return os::write_id_maps(pid, ranges, ranges);
}

Result<> tell(const Channel& channel, Go what) {
    const char byte = static_cast<char>(what);
    return os::write_all(channel.to_child.write.get(), std::string_view(&byte, 1), "the container's process");
}

// Until the child says "x"; its error, or its death, is the start's failure.
std::optional<Failure> wait_ready(const Channel& channel) {
    auto said = [&]() -> Result<std::string> {
        std::string text;
        char buffer[4096];
        for (;;) {
            const ssize_t got = read(channel.from_child.read.get(), buffer, sizeof buffer);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return errno_error("listen to the container's process");
            text.append(buffer, static_cast<std::size_t>(got));
            if (got == 0 || text == "x") return text;
        }
    }();
    if (!said.ok()) return failed(std::move(said).error(), "");
    if (*said == "x") return std::nullopt;
    if (said->empty()) return failed(error(Errc::internal, "the container's process died before it could run the command"), "");
    int status = engine_error;
    std::from_chars(said->data() + 1, said->data() + said->size(), status);
    const auto blank = said->find(' ');
    return Failure{status, Error(Errc::invalid, blank == std::string::npos ? *said : said->substr(blank + 1))};
}

// The child ends by itself (125) when its pipe closes; a stuck one is killed.
void end_child(Channel& channel, const os::Fd& process) {
    channel.to_child.write.reset();
    if (wait_process(process.get(), 2000)) return;
    [[maybe_unused]] const auto killed = os::signal_pidfd(process.get(), SIGKILL);
}

}  // namespace

std::optional<Failure> start(const ContainerName& name, const std::string& build,
                             const std::function<void(const Failure&)>& report) {
    Undo undo;
    const auto fail = [&](Failure failure) {
        report(failure);
        undo.run();
        return failure;
    };
    Plan plan = STEP("", make_plan(name, build));
    Notifier notifier = STEP("", Notifier::connect());
    driver::Loader loader(plan.paths.drivers, plan.paths.data, plan.paths.run);

    // 1. The drivers, and whether they can do what is asked.
    const std::string storage_name =
        plan.definition.storage_driver.empty() ? plan.engine.storage_driver : plan.definition.storage_driver;
    const auto storage = STEP("storage", loader.storage(storage_name));
    const auto request = rootfs_request(plan, *storage, STEP("storage", layer_keys(plan.image, storage->layer_format())));
    STEP("storage", storage->probe());
    STEP("storage", storage->validate(request));
    Networks networks(loader);
    STEP("", networks.plan(plan));
    Names names(plan);

    STEP("limits", ensure_limits(plan));

    // 2. What will exist outside of the container is written down before it exists.
    STEP("record", os::make_dirs(plan.record_dir(), 0711));
    unlink((plan.record_dir() + "/ending").c_str());  // of a reaper that was killed
    STEP("record", container::write_record(plan.paths, record_of(plan, networks, storage_name, 0)));
    STEP("files", write_files(plan));
    STEP("record", os::make_dirs(plan.paths.run + "/root"));

    // 3. The root file system, volumes and all else of the host that will be seen inside.
    ChildState state;
    STEP("", open_host_sources(plan, state.sources));
    STEP("journal", open_machine_sources(plan, state.sources));
    if (storage->wants_mount_namespace(request) || !plan.trees.empty()) STEP("mounts", os::unshare_mounts());
    state.root = STEP("root file system", storage->prepare(request)).mount;
    STEP("mounts", open_trees(plan, *storage, state.sources));
    const std::string& run_as = plan.definition.run_as.empty() ? plan.image.user : plan.definition.run_as;
    plan.privileges.who = STEP("user", sandbox::resolve_user(state.root.get(), run_as, plan.definition.groups));
    plan.environment = STEP("environment", environment_of(plan));
    STEP("", open_volumes(plan, state.root.get(), state.sources));
    STEP("files", open_files(plan, state.sources));
    state.stdio = STEP("standard streams", open_stdio(plan));
    STEP("namespaces", join_namespaces(plan));
    STEP("cgroup", delegate_cgroup(plan));
    if (plan.privileges.oom_score) {
        // Here and not in the child, which in a user namespace may not; a child has its parent's.
        STEP("", sandbox::set_oom_score(*plan.privileges.oom_score));
        plan.privileges.oom_score.reset();
    }

    // 4. The container's process: a child of the service manager, in namespaces of its own. From here on its exit status is the
    // unit's.
    Channel channel;
    channel.to_child = STEP("", os::make_pipe());
    channel.from_child = STEP("", os::make_pipe());
    const os::Child child =
        STEP("container process", os::clone_process(clone_flags(plan), [&]() -> int { run_child(plan, state, channel); }));
    undo.push([&] { end_child(channel, child.pidfd); });
    channel.to_child.read.reset();
    channel.from_child.write.reset();
    if (!plan.ids.empty()) {
        STEP("user namespace", write_maps(plan, child.pid));
        STEP("", tell(channel, Go::maps));
    }

    // 5. The networks, while the child mounts.
    std::uint64_t netns_number = 0;
    if (plan.own_net) {
        const os::Fd netns = STEP("networks", os::open(fmt::format("/proc/{}/ns/net", child.pid), O_RDONLY));
        STEP("", networks.attach(plan, netns.get()));
        undo.push([&] { networks.detach(); });
        undo.push([&] { names.withdraw(); });
        STEP("", names.publish(networks, netns.get()));
        STEP("files", complete_files(plan, networks.status(), names.resolver()));
        if (!networks.status().empty()) netns_number = STEP("networks", container::netns_number(netns.get()));
    }
    container::Record record = record_of(plan, networks, storage_name, child.pid);
    record.netns = netns_number;
    STEP("record", container::write_record(plan.paths, record));
    undo.push([&] { [[maybe_unused]] const auto left = container::leave_services(plan.paths, record); });
    STEP("", container::show_services(plan.paths, record));

    if (!names.wait()) {
        fmt::print(
            stderr,
            "<4>gantry: no resolver of its networks answers the container for its own name, so it asks the host's servers: "
            "see 'systemctl status gantry-dns', or a firewall of the host is in the way\n");
        STEP("files", write_resolv_conf(plan, {}));
    }

    // 6. The policy, which the container's first process is under from its first instruction; and those of others that name it.
    undo.push([&] { [[maybe_unused]] const auto released = container::release_policy(plan.paths, record.name); });
    const std::string cgroup = plan.definition.policy.empty() ? "" : STEP("policy", own_cgroup());
    STEP("policy",
         container::apply_policy(plan.paths, record, plan.definition.policy, cgroup, plan.own_net, socket_ports(plan)));
    STEP("policy", container::refresh_policies(plan.paths, record));
    if (!state.stdio.log.link.empty()) STEP("standard streams", log::set_process(state.stdio.log, child.pid));
    STEP("", tell(channel, Go::network));
    if (auto failure = wait_ready(channel)) return fail(std::move(*failure));

    // Nothing can fail any more but the manager.
    STEP("", container::join_services(plan.paths, record, plan.definition, waits_to_serve(plan)));

    // 7. The unit is up, with the child as its main process: one message, because each costs the manager a round of signals. It
    // must be handled before the child can end, else the exit status would be nobody's.
    const bool ready = plan.definition.ready == config::Ready::started;
    STEP("", notifier.send(fmt::format("MAINPID={}\n{}", child.pid, ready ? "READY=1\n" : "")));
    STEP("", notifier.wait_handled(30'000));
    STEP("", tell(channel, Go::exec));
    undo.dismiss();
    return std::nullopt;
}

}  // namespace gantry::launch
