#include "launch/start.hpp"

#include "container/record.hpp"
#include "launch/child.hpp"
#include "launch/files.hpp"
#include "launch/namespaces.hpp"
#include "launch/notify.hpp"
#include "launch/stdio.hpp"
#include "os/clone.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <unistd.h>

namespace gantry::launch {

namespace {

std::int64_t now_us() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

container::Record record_of(const Plan& plan) {
    container::Record record;
    record.name = plan.name.str();
    record.id = plan.id;
    record.image = plan.definition.image;
    record.image_id = plan.image_id;
    record.storage_driver = plan.storage_name;
    record.writable_layer = true;
    record.auto_remove = plan.definition.auto_remove;
    record.command = plan.argv;
    record.definition_file = plan.definition_file;
    record.started_us = now_us();
    for (const auto& network : plan.networks) record.networks.push_back({network.request.network, {}});
    return record;
}

// A child that must not go on. It is systemd's child, not ours: nobody waits for it here.
class ChildGuard {
public:
    explicit ChildGuard(const os::Fd& pidfd) : pidfd_(&pidfd) {}
    ~ChildGuard() {
        if (!pidfd_) return;
        [[maybe_unused]] auto ignored = os::signal_pidfd(pidfd_->get(), SIGKILL);
        // Its namespaces should be gone before ExecStopPost= reaps.
        pollfd waiting{pidfd_->get(), POLLIN, 0};
        poll(&waiting, 1, 1000);
    }
    ChildGuard(const ChildGuard&) = delete;
    ChildGuard& operator=(const ChildGuard&) = delete;
    void dismiss() { pidfd_ = nullptr; }

private:
    const os::Fd* pidfd_;
};

Result<std::vector<driver::AttachStatus>> attach_networks(Plan& plan, pid_t child, container::Record& record) {
    std::vector<driver::AttachStatus> attached;
    if (plan.networks.empty()) return attached;
    const os::Fd netns = TRY(os::open(fmt::format("/proc/{}/ns/net", child), O_RDONLY));
    for (std::size_t at = 0; at < plan.networks.size(); ++at) {
        auto& [driver, request] = plan.networks[at];
        attached.push_back(TRY_CONTEXT(driver->prepare(request, netns.get()), "network '{}'", request.network.name));
        record.networks[at].status = attached.back();
    }
    return attached;
}

// What the child says until it is the payload (or is not).
std::optional<StartFailure> wait_for_exec(const Plan& plan, const os::Fd& pair) {
    for (;;) {
        auto message = os::receive_message(pair.get());
        if (!message.ok()) return StartFailure{125, std::move(message).error()};
        if (message->text == "console" && message->fds.size() == 1) {
            if (auto given = hand_over_console(plan, message->fds[0]); !given.ok()) return StartFailure{125, std::move(given).error()};
        } else if (message->text.starts_with("failed ")) {
            char* rest = nullptr;
            const long code = std::strtol(message->text.c_str() + 7, &rest, 10);
            return StartFailure{static_cast<int>(code), Error(Errc::io, rest + 1)};
        } else {
            return std::nullopt;  // the end: close-on-exec closed the child's side
        }
    }
}

#define STEP(expression)                                                                          \
    ({                                                                                            \
        auto step_ = (expression);                                                                \
        if (!step_.ok()) return StartFailure{125, std::move(step_).error()};                      \
        std::move(step_).value();                                                                 \
    })

}  // namespace

std::optional<StartFailure> start_container(const ContainerName& name) {
    const Notifier systemd = STEP(Notifier::connect());
    const config::Paths paths = config::Paths::from_environment();

    // Read and check everything; nothing is touched yet.
    Plan plan = STEP(read_plan(paths, name));

    // What will live outside the container is written down first. Whatever happens from here on, ExecStopPost= reaps it.
    container::Record record = record_of(plan);
    STEP(os::make_dirs(paths.record(name.str()), 0711));
    STEP(container::write_record(paths, record));
    STEP(make_name_files(plan));

    // Binds are opened in the host's namespace, the rest is put together in one of our own.
    ChildSide side;
    side.plan = &plan;
    side.sources = STEP(open_mount_sources(plan));
    STEP(os::unshare_mounts());
    side.rootfs = STEP(plan.storage->prepare(plan.rootfs).context("storage driver '" + plan.storage_name + "'")).mount;
    if (!plan.definition.tty) side.stdio = STEP(open_stdio(plan));

    // The container's first process, a child of systemd from its first moment.
    auto [ours, theirs] = STEP(os::socket_pair());
    side.launcher = std::move(theirs);
    STEP(join_namespaces(plan));
    const os::Child child = STEP(os::clone_process(own_namespaces(plan) | CLONE_PARENT, [&, launcher = &ours] {
        launcher->reset();
        return run_child(side);
    }));
    ChildGuard guard(child.pidfd);
    side.launcher.reset();

    // It mounts while we attach networks.
    const auto networks = STEP(attach_networks(plan, child.pid, record));
    record.pid = child.pid;
    STEP(fill_name_files(plan, networks));
    STEP(container::write_record(paths, record));
    if (auto gone = os::send_message(ours.get(), "go"); !gone.ok()) {
        // It failed meanwhile and says why.
    }
    if (auto failure = wait_for_exec(plan, ours)) return failure;
    guard.dismiss();

    const char* ready = plan.definition.ready == config::Ready::started ? "READY=1\n" : "";
    STEP(systemd.send(fmt::format("{}MAINPID={}\nSTATUS=", ready, child.pid)));
    return std::nullopt;
}

}  // namespace gantry::launch
