// gantry-health NAME: ExecStart= of ctr-health@NAME.service, which the timer of that name starts. One probe in the container,
// what it means, and what the definition wants done about it; then nothing of ours is left until the next one.
#include "container/engine.hpp"
#include "container/enter.hpp"
#include "container/exec.hpp"
#include "container/services.hpp"
#include "health/state.hpp"
#include "os/file.hpp"
#include "os/pipe.hpp"
#include "os/self.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace {

using namespace gantry;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::int64_t now_us() {
    return duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

health::Rules rules_of(const config::Definition& d, const image::ImageConfig& image) {
    health::Rules rules;
    if (d.health.disabled) return rules;
    const auto given = [](const std::optional<config::Microseconds>& own, std::int64_t image_ns,
                          config::Microseconds standard) {
        return own ? *own : image_ns > 0 ? config::Microseconds(image_ns / 1000) : standard;
    };
    const image::HealthCheck known = image.health.value_or(image::HealthCheck{});
    rules.command = !d.health.command.empty() ? d.health.command : known.test;
    rules.interval = given(d.health.interval, known.interval, rules.interval);
    rules.timeout = given(d.health.timeout, known.timeout, rules.timeout);
    rules.start_period = given(d.health.start_period, known.start_period, rules.start_period);
    rules.retries = d.health.retries    ? *d.health.retries
                    : known.retries > 0 ? static_cast<std::uint32_t>(known.retries)
                                        : rules.retries;
    if (rules.command.empty() || rules.command.front() == "NONE") {
        rules.command.clear();
    } else if (rules.command.front() == "CMD-SHELL") {
        std::vector<std::string> shell = image.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : image.shell;
        shell.insert(shell.end(), rules.command.begin() + 1, rules.command.end());
        rules.command = std::move(shell);
    } else if (rules.command.front() == "CMD") {
        rules.command.erase(rules.command.begin());
    }
    return rules;
}

// Reads what comes until the command has ended or its time is up; false for the latter.
bool watch(const container::Entered& entered, int from, config::Microseconds timeout, std::string& output) {
    constexpr std::size_t most_output = 4096;  // Docker's
    const auto end = steady_clock::now() + timeout;
    for (;;) {
        const auto left = duration_cast<milliseconds>(end - steady_clock::now()).count();
        if (left <= 0) return false;
        pollfd fds[] = {{from, POLLIN, 0}, {entered.pidfd(), POLLIN, 0}};
        if (poll(fds, 2, static_cast<int>(std::min<std::int64_t>(left + 1, 3'600'000))) < 0) continue;
        if (fds[0].revents) {
            char buffer[4096];
            const ssize_t got = read(from, buffer, sizeof buffer);
            if (got > 0) output.append(buffer, std::min(static_cast<std::size_t>(got), most_output - output.size()));
            // A daemon that the probe left behind may hold the pipe: only the probe's own end counts.
            if (got <= 0 && !fds[1].revents)
                return poll(&fds[1], 1, static_cast<int>(std::min<std::int64_t>(left, 3'600'000))) > 0;
        }
        if (fds[1].revents && !(fds[0].revents & POLLIN)) return true;
    }
}

health::Probe probe(container::Engine& engine, const container::Container& container, const health::Rules& rules) {
    health::Probe result;
    result.start_us = now_us();
    const auto run = [&]() -> Result<int> {
        container::ExecOptions options;
        options.command = rules.command;
        auto request = TRY(container::exec_request(engine, container, options));
        os::Pipe pipe = TRY(os::make_pipe());
        request.stdio = {-1, pipe.write.get(), pipe.write.get()};
        auto entered = TRY(container::enter(request));
        pipe.write.reset();
        if (watch(entered, pipe.read.get(), rules.timeout, result.output)) return entered.wait();
        syscall(SYS_pidfd_send_signal, entered.pidfd(), SIGKILL, nullptr, 0);
        [[maybe_unused]] const auto ended = entered.wait();
        result.output = fmt::format("no answer within {} ms", duration_cast<milliseconds>(rules.timeout).count());
        return -1;
    };
    auto status = run();
    result.status = status.ok() ? *status : -1;
    if (!status.ok()) result.output = status.error().message();
    result.end_us = now_us();
    return result;
}

// The container's own unit takes READY=1 from its processes only; root may speak for one of them (unix(7), SCM_CREDENTIALS).
void tell_ready(pid_t main_pid) {
    setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
    sd_pid_notify(main_pid, 0, "READY=1\nSTATUS=healthy");
}

Result<> act(systemd::Manager& manager, const container::Container& container, const health::State& state) {
    const std::string unit = unit_name(container.name);
    std::fprintf(stderr, "<4>container '%s' is unhealthy: %s\n", container.name.str().c_str(),
                 Error(Errc::unavailable, state.log.back().output).message().c_str());
    switch (container.definition.health.on_unhealthy) {
    case config::OnUnhealthy::none: return {};
    case config::OnUnhealthy::stop: return manager.stop(unit);
    case config::OnUnhealthy::restart: return manager.restart(unit);
    }
    return {};
}

Result<> check(const char* text) {
    TRY(os::seal_own_binary());
    auto engine = TRY(container::Engine::open());
    const ContainerName name = TRY(ContainerName::parse(text));
    const auto container = TRY(engine.container(name.str()));
    if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
    systemd::Manager* manager = TRY(engine.systemd());
    const auto unit = TRY(manager->state(unit_name(container.name)));
    // It ended while the timer was on its way, or it is paused: nothing to say.
    if (unit.main_pid == 0 || unit.freezer == "frozen" || !container.record) return {};
    image::Store* store = TRY(engine.images());
    const image::Image image = TRY(store->find(container.record->image_id));
    const health::Rules rules = rules_of(container.definition, TRY(store->config(image)));
    if (rules.command.empty()) return {};

    const std::string file = engine.paths().record(container.name.str()) + "/health.json";
    const health::State before = health::from_json(os::read_file(file, 1U << 20).value_or(""), unit.main_pid);
    health::Probe result = probe(engine, container, rules);
    const config::Microseconds running(result.start_us - container.record->started_us);
    const health::State now = health::after(before, std::move(result), rules, running);
    // The container may have ended meanwhile: its folder is gone, and nobody asks any more.
    if (!os::path_exists(engine.paths().record(container.name.str()))) return {};
    TRY(os::write_file_atomic(file, health::to_json(now), 0644, false));
    if (now.status != before.status) TRY(container::serve_services(engine.paths(), *container.record, now.status == "healthy"));
    if (now.status == "healthy" && container.definition.ready == config::Ready::healthy && before.status != "healthy")
        tell_ready(static_cast<pid_t>(unit.main_pid));
    if (now.status == "unhealthy" && before.status != "unhealthy") return act(*manager, container, now);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: gantry-health NAME\nOne health probe of a container; see ctr-health@.service.\n");
        return 125;
    }
    if (const auto done = check(argv[1]); !done.ok()) {
        std::fprintf(stderr, "<3>health of container '%s': %s\n", argv[1], done.error().message().c_str());
        return 1;
    }
    return 0;
}
