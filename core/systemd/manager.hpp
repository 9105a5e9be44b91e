// The one client of org.freedesktop.systemd1, on libsystemd's sd-bus. Calls block; errors carry the bus error's text.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

typedef struct sd_bus sd_bus;  // <systemd/sd-bus.h>

namespace gantry::systemd {

using Value = std::variant<bool, std::int32_t, std::uint32_t, std::uint64_t, std::string, std::vector<std::string>>;
// For SetUnitProperties: systemd.directives(7) names and their D-Bus types (org.freedesktop.systemd1(5)). DeviceAllow is
// a vector of "PATH RWM" pairs in a vector<string>.
using Properties = std::vector<std::pair<std::string, Value>>;

struct UnitState {
    std::string name, load, active, sub, result;  // "loaded", "active", "running", "success"
    std::uint32_t main_pid = 0;
    std::int32_t exit_code = 0, exit_status = 0;  // si_code and si_status of the main process (ExecMainCode, ExecMainStatus)
    std::uint64_t started_us = 0, exited_us = 0;  // CLOCK_REALTIME of the main process, 0 if never
    std::uint32_t restarts = 0;
    std::string status_text;    // what the service said last with STATUS= (sd_notify(3))
    std::string control_group;  // below /sys/fs/cgroup, "" when none
    bool need_reload = false;
    std::string freezer;  // "running", "frozen"
};

// A unit that exists only while it runs (org.freedesktop.systemd1(5), StartTransientUnit).
struct TransientService {
    std::string name;  // "x.service"
    std::vector<std::string> start,
        stop_post;  // ExecStart=, ExecStopPost=: absolute path and arguments; stop_post may be empty
    Properties properties;
    int standard_output = -1, standard_error = -1;  // descriptors that PID 1 gets a copy of; -1: the journal
};

class Manager {
public:
    // The system bus, or PID 1's private socket where the caller is root (no broker in between, one hop less).
    static Result<Manager> connect();
    Manager(Manager&&) noexcept;
    Manager& operator=(Manager&&) noexcept;
    ~Manager();

    // Queue a job (mode "replace") and wait until it ends; the error tells the job's result ("failed", "timeout", "dependency")
    // and, where the unit says more, its Result=.
    Result<> start(const std::string& unit);
    Result<> stop(const std::string& unit);
    Result<> restart(const std::string& unit);
    // One call each: 200 starts are queued in one round trip each and waited for together. Returns one result per unit.
    std::vector<std::pair<std::string, Result<>>> start_all(const std::vector<std::string>& units);
    std::vector<std::pair<std::string, Result<>>> stop_all(const std::vector<std::string>& units);
    // A stop that does not wait for the processes to agree: the stop job is queued first, so that no restart policy steps in.
    Result<> stop_now(const std::string& unit);
    // Starts it and waits until the job ends, as start(). Errc::exists where a unit of this name is loaded.
    Result<> start_transient(const TransientService& service);
    Result<> kill(const std::string& unit, const std::string& who, int signal);  // who: "main", "all"
    Result<> freeze(const std::string& unit);
    Result<> thaw(const std::string& unit);
    Result<> reset_failed(const std::string& unit);
    Result<> set_properties(const std::string& unit, const Properties& properties, bool runtime);
    Result<> enable(const std::string& unit);  // EnableUnitFiles; no daemon-reload
    Result<> disable(const std::string& unit);
    Result<> daemon_reload();

    Result<UnitState> state(const std::string& unit);                 // a unit that is not loaded has active "inactive"
    Result<std::vector<UnitState>> list(const std::string& pattern);  // names and active states only, one call
    // Like state(), for many at once: one round trip of waiting, whatever their number.
    Result<std::vector<UnitState>> states(const std::vector<std::string>& units);
    // Follows the unit's changes from now on, so that state() and wait_inactive() know its exit status even when PID 1 has
    // forgotten the unit since. Call it before start.
    Result<> hold(const std::string& unit);
    // Until the unit is neither active, activating, deactivating nor reloading. timeout < 0: for ever.
    Result<UnitState> wait_inactive(const std::string& unit, std::chrono::milliseconds timeout);
    // Every change of a unit whose name matches (fnmatch(3)), until the callback returns false.
    Result<> watch(const std::string& pattern, const std::function<bool(const UnitState&)>& changed);

    // wait_inactive() and watch() end with Errc::cancelled once fd is readable; -1 takes it back.
    void stop_on(int fd);

    // For callers with a loop of their own.
    sd_bus* bus();

    struct Impl;  // for the other files of this folder

private:
    explicit Manager(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::systemd
