// gantry-definitions: ExecStart= of gantry-definitions.service, which the generator pulls in at a boot where /var/lib/gantry
// was not mounted yet when generators ran. It lets systemd read the definitions now; no container has been started so far.
#include "systemd/manager.hpp"

#include <systemd/sd-bus.h>
#include <unistd.h>

using namespace gantry;

namespace {

struct Reply {
    sd_bus_message* message = nullptr;
    ~Reply() { sd_bus_message_unref(message); }
};

Result<std::vector<std::string>> queued_containers(sd_bus* bus) {
    sd_bus_error reason = SD_BUS_ERROR_NULL;
    Reply reply;
    int done = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                  "org.freedesktop.systemd1.Manager", "ListJobs", &reason, &reply.message, "");
    if (done < 0) {
        auto failure =
            Error::from_errno(-done, fmt::format("list the service manager's jobs: {}", reason.message ? reason.message : ""));
        sd_bus_error_free(&reason);
        return failure;
    }
    std::vector<std::string> units;
    done = sd_bus_message_enter_container(reply.message, 'a', "(usssoo)");
    std::uint32_t id = 0;
    const char *unit = nullptr, *type = nullptr, *state = nullptr, *job = nullptr, *path = nullptr;
    while (done > 0 && (done = sd_bus_message_read(reply.message, "(usssoo)", &id, &unit, &type, &state, &job, &path)) > 0)
        if (std::string_view(unit).starts_with("ctr@") && std::string_view(type) == "start") units.emplace_back(unit);
    if (done < 0) return Error::from_errno(-done, "read the service manager's jobs");
    return units;
}

Result<> run() {
    systemd::Manager manager = TRY(systemd::Manager::connect());
    TRY(manager.daemon_reload());
    // The boot's transaction was made without what the definitions require: asked for again, the same jobs take it along.
    for (const std::string& unit : TRY(queued_containers(manager.bus()))) {
        sd_bus_error reason = SD_BUS_ERROR_NULL;
        const int done = sd_bus_call_method(manager.bus(), "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                            "org.freedesktop.systemd1.Manager", "StartUnit", &reason, nullptr, "ss",
                                            unit.c_str(), "replace");
        // Its own start says what is wrong with it; the others are not to suffer.
        if (done < 0) fmt::print(stderr, "<4>gantry: queue '{}' again: {}\n", unit, reason.message ? reason.message : "");
        sd_bus_error_free(&reason);
    }
    return {};
}

}  // namespace

int main() {
    const auto done = run();
    if (!done.ok()) fmt::print(stderr, "<3>gantry: read the definitions of '/var/lib/gantry': {}\n", done.error().message());
    return done.ok() ? 0 : 1;
}
