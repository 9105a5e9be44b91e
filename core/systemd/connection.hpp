// What the files of this folder share: the connection to PID 1, errors from it and the loop that waits for its signals.
#pragma once

#include "systemd/manager.hpp"

#include <systemd/sd-bus.h>

#include <poll.h>

#include <map>
#include <optional>

namespace gantry::systemd {

constexpr const char* systemd_name = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";
constexpr const char* service_interface = "org.freedesktop.systemd1.Service";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";

struct BusDeleter {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
struct SlotDeleter {
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
struct MessageDeleter {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using BusPtr = std::unique_ptr<sd_bus, BusDeleter>;
using SlotPtr = std::unique_ptr<sd_bus_slot, SlotDeleter>;
using MessagePtr = std::unique_ptr<sd_bus_message, MessageDeleter>;

// sd_bus_error with its release.
struct BusError {
    sd_bus_error raw = SD_BUS_ERROR_NULL;
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    ~BusError() { sd_bus_error_free(&raw); }
};

// number: what sd-bus returned, negative. The bus error's text wins over the number's.
Error bus_error(int number, const sd_bus_error* detail, std::string_view what);

// Member of UnitState that a property of systemd's Unit or Service interface means; a variant stands next in message. Others
// are skipped. Negative as sd-bus.
int read_property(sd_bus_message* message, std::string_view name, UnitState& state);

// The elements of an open array of (sv). Negative as sd-bus; Errc::invalid for a value that its property cannot have.
Result<int> append_properties(sd_bus_message* message, const Properties& properties);

std::string unit_path(const std::string& unit);
std::optional<std::string> unit_of_path(const char* path);

using TimePoint = std::chrono::steady_clock::time_point;

struct Job {  // of one unit, from the request to JobRemoved
    std::string unit, verb;
    std::string path;    // the job's object, once the reply is there
    std::string result;  // "done", "failed", ... once it has ended
    std::optional<Error> refused;
    [[nodiscard]] bool ended() const { return refused.has_value() || !result.empty(); }
};

struct Manager::Impl {
    // Declared in the order of destruction: slots go before the bus they belong to.
    BusPtr bus;
    bool direct = false;  // PID 1's private socket: signals come without Subscribe, Ref does not exist
    std::vector<SlotPtr> slots;
    bool listening = false;
    std::vector<Job>* jobs = nullptr;       // those that start_all waits for
    std::map<std::string, UnitState> held;  // units whose changes are followed, by name
    std::uint64_t changes = 0;              // signals about units so far
    std::string watched;                    // pattern of watch()
    std::map<std::string, UnitState> watch_states;
    const std::function<bool(const UnitState&)>* watcher = nullptr;
    bool watch_ended = false;
    int stop_fd = -1;

    Result<> open();
    // Matches for JobRemoved and the units' PropertiesChanged, once per connection.
    Result<> listen();
    Result<MessagePtr> call(const char* member, const char* types, ...);
    // Queues a call of two string arguments; answered runs at most once, and never after the connection is gone.
    Result<> call_later(const std::string& path, const char* interface, const char* member, const char* first,
                        const char* second, std::function<void(sd_bus_message*)> answered);
    // Handles what arrives until done() or the deadline (Errc::timeout) or the stop descriptor (Errc::cancelled).
    // Until the one job of `job` has ended; its failure in words. path: from the answer that made the job.
    Result<> wait_job(Manager& manager, Job job);
    Result<> run(const std::function<bool()>& done, std::optional<TimePoint> deadline = std::nullopt);
    Result<> wait_for_traffic(std::optional<TimePoint> deadline);
    Result<std::vector<UnitState>> fetch(const std::vector<std::string>& units);
    Result<> follow(const std::string& unit);

    static int on_job_removed(sd_bus_message* message, void* self, sd_bus_error* error);
    static int on_properties_changed(sd_bus_message* message, void* self, sd_bus_error* error);
};

}  // namespace gantry::systemd
