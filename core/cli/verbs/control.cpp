// start, stop, restart, kill, pause, unpause, wait: what `systemctl` does to the container's unit, under Docker's names.
#include "cli/attach.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

#include <csignal>

namespace gantry::cli {

namespace {

struct NamesOptions {
    std::vector<std::string> containers;
};

void declare_names(Verb& verb, NamesOptions& options) {
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
}

// Runs action on the unit of each container and echoes its name as it was given, as Docker does.
Result<int> on_units(Context& context, const std::vector<std::string>& names,
                     const std::function<Result<>(systemd::Manager&, const container::Container&)>& action) {
    auto* engine = TRY(context.engine());
    auto* systemd = TRY(engine->systemd());
    return for_each_object(names, [&](const std::string& name) -> Result<> {
        const auto container = TRY(engine->container(name));
        TRY(action(*systemd, container));
        TRY(print(name + "\n"));
        return {};
    });
}

bool runs(const container::Container& container) {
    return container.unit.main_pid != 0 || container.unit.active == "activating";
}

struct StartOptions {
    std::vector<std::string> containers;
    bool attach = false, interactive = false;
    std::string detach_keys;
};

void declare_start(Verb& verb, StartOptions& options) {
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
    verb.add_flag("-a,--attach", options.attach, "attach standard output and error, pass signals on");
    verb.add_flag("-i,--interactive", options.interactive, "attach standard input");
    verb.add_option("--detach-keys", options.detach_keys, "keys that detach from the container").value("KEYS");
}

Result<int> run_start(Context& context, StartOptions& options) {
    auto* engine = TRY(context.engine());
    if (options.attach || options.interactive) {
        if (options.containers.size() != 1)
            return error(Errc::invalid, "you cannot start and attach multiple containers at once");
        const auto container = TRY(engine->container(options.containers[0]));
        return run_attached(*engine, container, {options.interactive, true, options.detach_keys});
    }
    // All are queued at once; systemd starts them side by side.
    std::vector<std::string> units;
    std::map<std::string, std::string> given;
    int status = 0;
    for (const auto& name : options.containers) {
        auto container = engine->container(name);
        if (!container.ok()) {
            complain(container.error());
            status = 1;
            continue;
        }
        units.push_back(unit_name(container->name));
        given[units.back()] = name;
    }
    for (auto& [unit, started] : TRY(engine->systemd())->start_all(units)) {
        if (started.ok()) {
            TRY(print(given[unit] + "\n"));
        } else {
            complain(started.error().context(fmt::format("start container '{}'", given[unit])));
            status = 1;
        }
    }
    return status;
}

struct StopOptions {
    std::vector<std::string> containers;
    std::optional<int> timeout;
    std::string signal;
};

void declare_stop(Verb& verb, StopOptions& options) {
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
    verb.add_option("-t,--timeout,--time", options.timeout, "seconds before it is killed").value("SECONDS");
    verb.add_option("-s,--signal", options.signal, "signal to send first").value("SIGNAL");
}

// -t and -s of stop: systemd's own timeout and signal stay what the definition says; a stop that is to go otherwise sends its
// signal first, waits, and leaves the rest (SIGKILL after the time, clean-up) to systemd.
Result<> stop_unit(systemd::Manager& systemd, const container::Container& container, const StopOptions& options) {
    const std::string unit = unit_name(container.name);
    if (!runs(container)) {
        // Also ends a wait for the next automatic restart.
        return container.state == "restarting" ? systemd.stop(unit) : Result<>();
    }
    if (!options.timeout && options.signal.empty()) return systemd.stop(unit);
    std::string name = options.signal;
    if (name.empty()) name = container.definition.stop_signal.value_or("SIGTERM");
    const int signal = TRY(config::parse_signal(name));
    if (options.timeout.value_or(10) != 0) {
        TRY(systemd.kill(unit, "main", signal));
        const auto wait = options.timeout.value_or(10) < 0
                              ? std::chrono::milliseconds(-1)
                              : std::chrono::milliseconds(std::chrono::seconds(options.timeout.value_or(10)));
        if (auto ended = systemd.wait_inactive(unit, wait); !ended.ok() && ended.error().code() != Errc::timeout)
            return std::move(ended).error();
    }
    // Whatever is left is killed now; the stop job also keeps Restart= from starting it again.
    if (auto killed = systemd.kill(unit, "all", SIGKILL); !killed.ok()) {
        // Nothing left to kill is what was wanted.
    }
    return systemd.stop(unit);
}

Result<int> run_stop(Context& context, StopOptions& options) {
    if (!options.timeout && options.signal.empty()) {
        auto* engine = TRY(context.engine());
        std::vector<std::string> units;
        std::map<std::string, std::string> given;
        int status = for_each_object(options.containers, [&](const std::string& name) -> Result<> {
                         const auto container = TRY(engine->container(name));
                         units.push_back(unit_name(container.name));
                         given[units.back()] = name;
                         // Else the next connection would start it again.
                         if (container::has_sockets(container.definition))
                             units.push_back(container::socket_name(container.name));
                         return {};
                     }).value_or(1);
        for (auto& [unit, stopped] : TRY(engine->systemd())->stop_all(units)) {
            if (!stopped.ok()) {
                complain(
                    stopped.error().context(fmt::format("stop container '{}'", given.contains(unit) ? given[unit] : unit)));
                status = 1;
            } else if (given.contains(unit)) {
                TRY(print(given[unit] + "\n"));
            }
        }
        return status;
    }
    return on_units(context, options.containers, [&](systemd::Manager& systemd, const container::Container& container) {
        auto stopped = stop_unit(systemd, container, options);
        if (stopped.ok() && container::has_sockets(container.definition))
            stopped = systemd.stop(container::socket_name(container.name));
        return std::move(stopped).context(fmt::format("stop container '{}'", container.name.str()));
    });
}

Result<int> run_restart(Context& context, StopOptions& options) {
    return on_units(context, options.containers,
                    [&](systemd::Manager& systemd, const container::Container& container) -> Result<> {
                        if (options.timeout || !options.signal.empty())
                            TRY_CONTEXT(stop_unit(systemd, container, options), "restart container '{}'", container.name.str());
                        return systemd.restart(unit_name(container.name))
                            .context(fmt::format("restart container '{}'", container.name.str()));
                    });
}

struct KillOptions {
    std::vector<std::string> containers;
    std::string signal = "KILL";
};

void declare_kill(Verb& verb, KillOptions& options) {
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
    verb.add_option("-s,--signal", options.signal, "signal to send, name or number").value("SIGNAL");
}

Result<int> run_kill(Context& context, KillOptions& options) {
    const int signal = TRY(config::parse_signal(options.signal));
    return on_units(context, options.containers,
                    [&](systemd::Manager& systemd, const container::Container& container) -> Result<> {
                        if (!runs(container)) return error(Errc::in_use, "container '{}' is not running", container.name.str());
                        return systemd.kill(unit_name(container.name), "main", signal);
                    });
}

Result<int> run_pause(Context& context, NamesOptions& options) {
    return on_units(context, options.containers,
                    [](systemd::Manager& systemd, const container::Container& container) -> Result<> {
                        if (container.state == "paused")
                            return error(Errc::in_use, "container '{}' is already paused", container.name.str());
                        if (!runs(container)) return error(Errc::in_use, "container '{}' is not running", container.name.str());
                        return systemd.freeze(unit_name(container.name));
                    });
}

Result<int> run_unpause(Context& context, NamesOptions& options) {
    return on_units(context, options.containers,
                    [](systemd::Manager& systemd, const container::Container& container) -> Result<> {
                        if (container.state != "paused")
                            return error(Errc::in_use, "container '{}' is not paused", container.name.str());
                        return systemd.thaw(unit_name(container.name));
                    });
}

Result<int> run_wait(Context& context, NamesOptions& options) {
    auto* engine = TRY(context.engine());
    auto* systemd = TRY(engine->systemd());
    return for_each_object(options.containers, [&](const std::string& name) -> Result<> {
        const auto container = TRY(engine->container(name));
        auto state = container.unit;
        if (runs(container)) {
            TRY(systemd->hold(unit_name(container.name)));
            state = TRY(systemd->wait_inactive(unit_name(container.name), std::chrono::milliseconds(-1)));
        }
        TRY(print(fmt::format("{}\n", exit_status(state))));
        return {};
    });
}

}  // namespace

void add_control_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "start", "Start containers", declare_start, run_start);
        add_verb(*parent, context, "stop", "Stop containers", declare_stop, run_stop);
        add_verb(*parent, context, "restart", "Restart containers", declare_stop, run_restart);
        add_verb(*parent, context, "kill", "Send a signal to containers", declare_kill, run_kill);
        add_verb(*parent, context, "pause", "Freeze containers", declare_names, run_pause);
        add_verb(*parent, context, "unpause", "Thaw containers", declare_names, run_unpause);
        add_verb(*parent, context, "wait", "Wait until containers stop, print their exit status", declare_names, run_wait);
    }
}

}  // namespace gantry::cli
