#include "bus/authority.hpp"

#include <systemd/sd-bus.h>

#include <cstdlib>
#include <memory>

namespace gantry::bus {

namespace {

struct Connection {
    sd_bus* bus = nullptr;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        sd_bus_error_free(&error);
        sd_bus_flush_close_unref(bus);
    }
};
using Reply = std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)>;

constexpr const char* bus_service = "org.freedesktop.DBus";

Result<std::uint32_t> uid_of(Connection& connection, const std::string& name) {
    sd_bus_message* raw = nullptr;
    const int r = sd_bus_call_method(connection.bus, bus_service, "/org/freedesktop/DBus", bus_service, "GetConnectionUnixUser",
                                     &connection.error, &raw, "s", name.c_str());
    const Reply reply(raw, sd_bus_message_unref);
    std::uint32_t uid = 0;
    if (r < 0 || sd_bus_message_read(raw, "u", &uid) < 0)
        return error(Errc::denied, "the caller '{}' is no longer on the bus", name);
    return uid;
}

int append_request(sd_bus_message* message, const Caller& caller, const Permission& permission) {
    int r = sd_bus_message_append(message, "(sa{sv})s", "system-bus-name", 1, "name", "s", caller.name.c_str(),
                                  permission.action.c_str());
    if (r >= 0) r = sd_bus_message_open_container(message, 'a', "{ss}");
    for (const auto& [key, value] : permission.details)
        if (r >= 0) r = sd_bus_message_append(message, "{ss}", key.c_str(), value.c_str());
    if (r >= 0) r = sd_bus_message_close_container(message);
    // Flag 1: AllowUserInteraction. No cancellation id.
    return r >= 0 ? sd_bus_message_append(message, "us", caller.interactive ? 1U : 0U, "") : r;
}

}  // namespace

Result<> authorise(const Caller& caller, const Permission& permission) {
    Connection connection;
    if (sd_bus_open_system(&connection.bus) < 0)
        return error(Errc::denied, "action '{}': the system bus is gone", permission.action);
    if (TRY(uid_of(connection, caller.name)) == 0) return {};

    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(connection.bus, &raw, "org.freedesktop.PolicyKit1",
                                           "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                                           "CheckAuthorization");
    const Reply request(raw, sd_bus_message_unref);
    if (r >= 0) r = append_request(raw, caller, permission);
    sd_bus_message* answer = nullptr;
    // Five minutes for a user to find the password; polkit's own limit is shorter.
    if (r >= 0) r = sd_bus_call(connection.bus, raw, 300'000'000, &connection.error, &answer);
    const Reply reply(answer, sd_bus_message_unref);
    int authorised = 0, challenge = 0;
    if (r >= 0) r = sd_bus_message_enter_container(answer, 'r', "bba{ss}");
    if (r >= 0) r = sd_bus_message_read(answer, "bb", &authorised, &challenge);
    if (r < 0)
        return error(Errc::denied, "action '{}': polkit cannot be asked: {}", permission.action,
                     connection.error.message != nullptr ? connection.error.message : strerror(-r));
    if (authorised != 0) return {};
    if (challenge != 0)
        return error(Errc::denied, "action '{}' needs authentication, and nobody could be asked", permission.action);
    return error(Errc::denied, "action '{}' is not allowed for you", permission.action);
}

Result<bool> is_root(const Caller& caller) {
    Connection connection;
    if (sd_bus_open_system(&connection.bus) < 0) return error(Errc::denied, "the system bus is gone");
    return TRY(uid_of(connection, caller.name)) == 0;
}

bool is_on_bus(const std::string& name) {
    Connection connection;
    if (sd_bus_open_system(&connection.bus) < 0) return true;
    sd_bus_message* raw = nullptr;
    const int r = sd_bus_call_method(connection.bus, bus_service, "/org/freedesktop/DBus", bus_service, "NameHasOwner",
                                     &connection.error, &raw, "s", name.c_str());
    const Reply reply(raw, sd_bus_message_unref);
    int owned = 1;
    return r < 0 || sd_bus_message_read(raw, "b", &owned) < 0 || owned != 0;
}

std::string error_name(const Error& error) { return std::string("io.gantry1.Error.") + errc_name(error.code()); }

std::string object_path(const std::string& kind, const std::string& name) {
    char* path = nullptr;
    if (sd_bus_path_encode(("/io/gantry1/" + kind).c_str(), name.c_str(), &path) < 0) return "/io/gantry1/" + kind;
    const std::unique_ptr<char, decltype(&free)> owner(path, free);
    return path;
}

}  // namespace gantry::bus
