// gantry-launch NAME         ExecStart= of ctr@NAME.service
// gantry-launch --step ID NAME  a RUN step of the build ID (container/build_step.hpp)
// gantry-launch --policies   ExecStart= of gantry-policy.service: the host's addresses have changed
// gantry-launch --serve NAME  ExecStartPost= of one that says itself when it is ready: its services send it connections
// gantry-launch --drain NAME  ExecStop= of one behind a service: it gets no new connections, before it is told to stop
// gantry-launch --reap NAME  ExecStopPost=: how it ended is written down, what it held outside of its namespaces is taken down
#include "config/reader.hpp"
#include "container/exit_note.hpp"
#include "container/exit_status.hpp"
#include "container/policy.hpp"
#include "container/record.hpp"
#include "container/services.hpp"
#include "launch/kernel.hpp"
#include "launch/notify.hpp"
#include "launch/start.hpp"
#include "log/slots.hpp"
#include "os/file.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace gantry::launch {

namespace {

// One line, for the journal with its priority (sd-daemon(3)); a terminal gets none.
void complain(const Error& reason) {
    const std::string line = fmt::format("{}gantry: {}\n", isatty(STDERR_FILENO) ? "" : "<3>", reason.message());
    [[maybe_unused]] const ssize_t put = write(STDERR_FILENO, line.data(), line.size());
}

// Also where `systemctl status` and the command line find it.
void report(const ContainerName& name, const Error& reason) {
    complain(reason);
    [[maybe_unused]] const auto noted = container::note_failure(config::Paths::from_environment(), name, reason.message());
    if (const auto manager = Notifier::connect(); manager.ok()) [[maybe_unused]]
        const auto told = manager->send("STATUS=" + reason.message());
}

std::string variable(const char* name) {
    const char* value = getenv(name);
    return value ? value : "";
}

bool is_defined(const ContainerName& name) {
    return std::ranges::any_of(config::definition_folders(), [&](const std::string& folder) {
        return os::path_exists(fmt::format("{}/{}.toml", folder, name.str()));
    });
}

// Control processes of a unit with Delegate= have a group of their own below the unit's (systemd 205).
std::string cgroup_of_unit() {
    std::string folder = own_cgroup().value_or("");
    if (folder.ends_with("/.control")) folder.resize(folder.size() - std::string_view("/.control").size());
    return folder;
}

int reap(const ContainerName& name) {
    const config::Paths paths = config::Paths::from_environment();
    const auto record = container::read_record(paths, name.str());
    // systemd tells the reaper how the main process ended (systemd.exec(5), $SERVICE_RESULT).
    auto status = container::exit_status_of(variable("SERVICE_RESULT"), variable("EXIT_CODE"), variable("EXIT_STATUS"));
    if (auto noted = container::note_exit(paths, name, status.code); !noted.ok()) complain(noted.error());
    // A name that is no container's (systemctl start ctr@typo) leaves nothing.
    if (record.ok() ? !record->auto_remove : is_defined(name)) {
        if (record.ok()) {
            status.started_us = record->started_us;
            // OOMPolicy=continue: a kill is not the unit's result. This runs in the unit's own cgroup, which is still there.
            status.oom_killed |= container::oom_kills(cgroup_of_unit()) > record->oom_kills;
        }
        status.finished_us =
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
        if (auto written = container::write_exit_status(paths, name.str(), status); !written.ok()) complain(written.error());
    }
    // Its last words, told by us: we are in its unit.
    const auto drained = log::drain_slots(paths, name, [&](int priority) { return log::journal_stream(name, priority); });
    if (!drained.ok()) complain(drained.error());
    const auto reaped = container::reap(paths, name, false);
    if (!reaped.ok()) complain(reaped.error().context(fmt::format("clean up after container '{}'", name.str())));
    return reaped.ok() ? 0 : 1;
}

// What PID 1's socket has to say is not read but thrown away: all there is is looked at. Addresses come in rows, so this goes
// on until there is a moment without one.
int follow_addresses() {
    constexpr int quiet_ms = 200;
    const config::Paths paths = config::Paths::from_environment();
    // sd_listen_fds(3): the first descriptor that is passed is 3.
    pollfd socket{variable("LISTEN_PID") == std::to_string(getpid()) ? 3 : -1, POLLIN, 0};
    for (;;) {
        char message[8192];
        while (socket.fd >= 0)
            // ENOBUFS tells of messages that were lost, and is an error once.
            if (recv(socket.fd, message, sizeof message, MSG_DONTWAIT) < 0 && errno != EINTR && errno != ENOBUFS) break;
        const auto renewed = container::refresh_policies(paths);
        if (!renewed.ok()) complain(renewed.error());
        const bool somebody = container::has_policies(paths).value_or(true);
        if (socket.fd < 0 || !somebody || poll(&socket, 1, quiet_ms) <= 0) return renewed.ok() ? 0 : 1;
    }
}

int change_services(const ContainerName& name, bool serves) {
    const config::Paths paths = config::Paths::from_environment();
    const auto record = container::read_record(paths, name.str());
    if (!record.ok()) return 0;  // it is not up
    const auto done = serves ? container::serve_services(paths, *record, true) : container::drain_services(paths, *record);
    if (!done.ok()) complain(done.error());
    return done.ok() ? 0 : 1;
}

int run(const std::vector<std::string_view>& arguments) {
    if (arguments.size() == 1 && arguments[0] == "--policies") return follow_addresses();
    const std::string_view mode = !arguments.empty() && arguments[0].starts_with("--") ? arguments[0] : "";
    const bool building = mode == "--step", known = building || mode == "--reap" || mode == "--serve" || mode == "--drain";
    if (arguments.size() != (building ? 3U : known ? 2U : 1U)) {
        complain(error(Errc::invalid, "usage: gantry-launch --policies | [--reap | --serve | --drain | --step ID] NAME"));
        return 125;
    }
    const auto name = ContainerName::parse(arguments.back());
    if (!name.ok()) {
        complain(name.error());
        return 125;
    }
    if (mode == "--reap") return reap(*name);
    if (mode == "--serve" || mode == "--drain") return change_services(*name, mode == "--serve");
    const std::string build(building ? arguments[1] : "");
    const auto failure = start(*name, build, [&](const Failure& why) {
        report(*name, build.empty() ? why.reason.context(fmt::format("start container '{}'", name->str())) : why.reason);
    });
    return failure ? failure->status : 0;
}

}  // namespace

}  // namespace gantry::launch

int main(int argc, char** argv) {
    const int status = gantry::launch::run(std::vector<std::string_view>(argv + 1, argv + argc));
    // Nothing is left to be destroyed that the kernel does not end faster.
    _exit(status);
}
