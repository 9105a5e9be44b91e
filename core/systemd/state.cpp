// What systemd knows about units: asked for, or followed through PropertiesChanged.
#include "systemd/connection.hpp"

#include <fnmatch.h>

namespace gantry::systemd {

namespace {

struct Field {
    const char* interface;
    const char* name;
};
constexpr Field fields[] = {
    {unit_interface, "LoadState"},
    {unit_interface, "ActiveState"},
    {unit_interface, "SubState"},
    {unit_interface, "FreezerState"},
    {unit_interface, "NeedDaemonReload"},
    {service_interface, "Result"},
    {service_interface, "StatusText"},
    {service_interface, "MainPID"},
    {service_interface, "ExecMainCode"},
    {service_interface, "ExecMainStatus"},
    {service_interface, "NRestarts"},
    {service_interface, "ControlGroup"},
    {service_interface, "ExecMainStartTimestamp"},
    {service_interface, "ExecMainExitTimestamp"},
};

template <class T>
int read_basic(sd_bus_message* message, char type, T& value) {
    const char contents[] = {type, 0};
    if (const int r = sd_bus_message_enter_container(message, 'v', contents); r < 0) return r;
    if (const int r = sd_bus_message_read_basic(message, type, &value); r < 0) return r;
    return sd_bus_message_exit_container(message);
}

int read_text(sd_bus_message* message, std::string& value) {
    const char* text = nullptr;
    const int r = read_basic(message, 's', text);
    if (r >= 0) value = text;
    return r;
}

int read_bool(sd_bus_message* message, bool& value) {
    int number = 0;
    const int r = read_basic(message, 'b', number);
    if (r >= 0) value = number != 0;
    return r;
}

UnitState absent(const std::string& unit) {
    UnitState state;
    state.name = unit;
    state.active = "inactive";
    state.sub = "dead";
    return state;
}

bool settled(const UnitState& state) { return state.active == "inactive" || state.active == "failed" || state.active.empty(); }

// interface, then a{sv} of changed properties.
int merge_changes(sd_bus_message* message, UnitState& state) {
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char* name = nullptr;
        r = sd_bus_message_read_basic(message, 's', &name);
        if (r >= 0) r = read_property(message, name, state);
        if (r >= 0) r = sd_bus_message_exit_container(message);
    }
    return r;
}

}  // namespace

int read_property(sd_bus_message* message, std::string_view name, UnitState& state) {
    if (name == "LoadState") return read_text(message, state.load);
    if (name == "ActiveState") return read_text(message, state.active);
    if (name == "SubState") return read_text(message, state.sub);
    if (name == "Result") return read_text(message, state.result);
    if (name == "StatusText") return read_text(message, state.status_text);
    if (name == "ControlGroup") return read_text(message, state.control_group);
    if (name == "FreezerState") return read_text(message, state.freezer);
    if (name == "NeedDaemonReload") return read_bool(message, state.need_reload);
    if (name == "MainPID") return read_basic(message, 'u', state.main_pid);
    if (name == "NRestarts") return read_basic(message, 'u', state.restarts);
    if (name == "ExecMainCode") return read_basic(message, 'i', state.exit_code);
    if (name == "ExecMainStatus") return read_basic(message, 'i', state.exit_status);
    if (name == "ExecMainStartTimestamp") return read_basic(message, 't', state.started_us);
    if (name == "ExecMainExitTimestamp") return read_basic(message, 't', state.exited_us);
    return sd_bus_message_skip(message, "v");
}

Result<std::vector<UnitState>> Manager::Impl::fetch(const std::vector<std::string>& units) {
    struct Answers {  // shared with the handlers, which may outlive a failed wait
        std::vector<UnitState> states;
        std::size_t left = 0;
    };
    auto answers = std::make_shared<Answers>();
    for (std::size_t index = 0; index < units.size(); ++index) {
        answers->states.push_back(absent(units[index]));
        const std::string path = unit_path(units[index]);
        for (const Field& field : fields) {
            TRY(call_later(path, properties_interface, "Get", field.interface, field.name,
                           [answers, index, name = field.name](sd_bus_message* reply) {
                               --answers->left;
                               // A unit that went away meanwhile answers with an error and keeps the defaults.
                               if (sd_bus_message_get_error(reply) == nullptr)
                                   read_property(reply, name, answers->states[index]);
                           }));
            ++answers->left;
        }
    }
    TRY(run([&] { return answers->left == 0; }));
    return std::move(answers->states);
}

Result<UnitState> Manager::state(const std::string& unit) {
    const auto held = impl_->held.find(unit);
    for (int tries = 0;; ++tries) {
        // Asking a unit's object loads the unit; asking for its path does not, and tells whether it is there.
        auto loaded = impl_->call("GetUnit", "s", unit.c_str());
        if (!loaded.ok()) {
            if (loaded.error().code() != Errc::not_found) return std::move(loaded).error().context("unit '" + unit + "'");
            return held != impl_->held.end() ? held->second : absent(unit);
        }
        const std::uint64_t before = impl_->changes;
        auto states = TRY(impl_->fetch({unit}));
        if (held == impl_->held.end()) return std::move(states.front());
        // PID 1 may have dropped the unit between the questions, and what a signal told meanwhile is newer than the answers:
        // these must not replace what was followed.
        if (states.front().load.empty()) return held->second;
        if (impl_->changes != before) {
            if (tries < 10) continue;
            return std::move(states.front());
        }
        held->second = states.front();
        return std::move(states.front());
    }
}

Result<std::vector<UnitState>> Manager::states(const std::vector<std::string>& units) { return impl_->fetch(units); }

Result<std::vector<UnitState>> Manager::list(const std::string& pattern) {
    auto reply = TRY_CONTEXT(impl_->call("ListUnitsByPatterns", "asas", 0, 1, pattern.c_str()), "list units '{}'", pattern);
    std::vector<UnitState> units;
    sd_bus_message* message = reply.get();
    int r = sd_bus_message_enter_container(message, 'a', "(ssssssouso)");
    const char *name = nullptr, *load = nullptr, *active = nullptr, *sub = nullptr;
    const char *text = nullptr, *following = nullptr, *path = nullptr, *job_type = nullptr, *job = nullptr;
    std::uint32_t job_id = 0;
    while (r >= 0 && (r = sd_bus_message_read(message, "(ssssssouso)", &name, &text, &load, &active, &sub, &following, &path,
                                              &job_id, &job_type, &job)) > 0) {
        UnitState state;
        state.name = name;
        state.load = load;
        state.active = active;
        state.sub = sub;
        units.push_back(std::move(state));
    }
    if (r < 0) return bus_error(r, nullptr, fmt::format("list units '{}'", pattern));
    return units;
}

int Manager::Impl::on_properties_changed(sd_bus_message* message, void* data, sd_bus_error*) {
    auto* self = static_cast<Impl*>(data);
    if (self->held.empty() && self->watcher == nullptr) return 0;
    const auto unit = unit_of_path(sd_bus_message_get_path(message));
    if (!unit) return 0;
    const auto held = self->held.find(*unit);
    const bool watched =
        self->watcher != nullptr && !self->watch_ended && fnmatch(self->watched.c_str(), unit->c_str(), 0) == 0;
    if (held == self->held.end() && !watched) return 0;

    const char* interface = nullptr;
    if (sd_bus_message_read_basic(message, 's', &interface) < 0) return 0;
    UnitState& state = held != self->held.end() ? held->second : self->watch_states[*unit];
    state.name = *unit;
    merge_changes(message, state);
    ++self->changes;
    // The service's own properties come first, then the unit's (systemd dbus-unit.c): after these the picture is whole.
    if (watched && std::string_view(interface) == unit_interface && !(*self->watcher)(state)) self->watch_ended = true;
    return 0;
}

Result<> Manager::Impl::follow(const std::string& unit) {
    TRY(listen());
    held.emplace(unit, absent(unit));
    return {};
}

Result<> Manager::hold(const std::string& unit) {
    TRY(impl_->follow(unit));
    TRY(state(unit));
    return {};
}

Result<UnitState> Manager::wait_inactive(const std::string& unit, std::chrono::milliseconds timeout) {
    std::optional<TimePoint> deadline;
    if (timeout.count() >= 0) deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        TRY(impl_->follow(unit));
        UnitState& followed = impl_->held[unit];
        // A held unit that has run and ended: its signals have told all, and PID 1 may have forgotten it by now.
        const auto has_run = [&] { return settled(followed) && followed.started_us != 0 && followed.exited_us != 0; };
        while (!has_run()) {
            const std::uint64_t before = impl_->changes;
            UnitState now = TRY(state(unit));
            // What a signal told while the answer was on its way is newer than the answer.
            if (has_run() || impl_->changes != before) continue;
            // PID 1 has forgotten it: what it said on the way there is still in the queue.
            if (settled(now) && now.exited_us == 0)
                if (impl_->run(has_run, std::chrono::steady_clock::now() + std::chrono::milliseconds(50)).ok()) continue;
            followed = std::move(now);
            break;
        }
        auto waited = impl_->run([&] { return settled(followed); }, deadline);
        if (waited.ok()) {
            // A job that waits for its turn (restart, or a second start) shows in the state only once it runs.
            return followed;
        }
        if (waited.error().code() != Errc::unavailable)
            return std::move(waited).error().context("wait for unit '" + unit + "'");
        // PID 1 re-executed itself and dropped its connections.
        TRY_CONTEXT(impl_->open(), "wait for unit '{}'", unit);
    }
}

Result<> Manager::watch(const std::string& pattern, const std::function<bool(const UnitState&)>& changed) {
    impl_->watched = pattern;
    impl_->watch_ended = false;
    for (;;) {
        TRY(impl_->listen());
        impl_->watcher = &changed;
        auto waited = impl_->run([&] { return impl_->watch_ended; });
        impl_->watcher = nullptr;
        if (waited.ok() || waited.error().code() != Errc::unavailable) return waited;
        TRY_CONTEXT(impl_->open(), "watch units '{}'", pattern);
    }
}

void Manager::stop_on(int fd) { impl_->stop_fd = fd; }

}  // namespace gantry::systemd
