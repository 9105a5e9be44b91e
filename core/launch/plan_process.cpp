// What the payload is executed with.
#include "container/environment.hpp"
#include "container/machine.hpp"
#include "launch/plan.hpp"

#include <cstdlib>

namespace gantry::launch {

namespace {

using container::Environment;
using container::put_variable;

bool has(const Environment& environment, const std::string& name) {
    return std::ranges::any_of(environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
}

// What systemd gave this process for the payload (sd_listen_fds(3), sd_watchdog_enabled(3), systemd.io/CREDENTIALS).
void pass_on(const Plan& plan, Environment& environment) {
    const std::string pid = plan.own_pid ? (plan.definition.init ? "2" : "1") : "";
    if (plan.sockets > 0) {
        put_variable(environment, "LISTEN_FDS", std::to_string(plan.sockets));
        if (const char* names = getenv("LISTEN_FDNAMES")) put_variable(environment, "LISTEN_FDNAMES", names);
        if (!pid.empty()) put_variable(environment, "LISTEN_PID", pid);
    }
    if (const char* watchdog = getenv("WATCHDOG_USEC"); watchdog && !plan.notify_socket.empty()) {
        put_variable(environment, "WATCHDOG_USEC", watchdog);
        if (!pid.empty()) put_variable(environment, "WATCHDOG_PID", pid);
    }
    if (!plan.notify_socket.empty()) put_variable(environment, "NOTIFY_SOCKET", "/run/host/notify");
    if (!plan.credentials.empty()) put_variable(environment, "CREDENTIALS_DIRECTORY", "/run/credentials");
}

}  // namespace

Result<std::vector<std::string>> command_of(const config::Definition& definition, const image::ImageConfig& image) {
    std::vector<std::string> argv = container::command_words(definition, image.entrypoint, image.command);
    if (argv.empty() || argv.front().empty())
        return error(Errc::invalid, "image '{}' has no command and the definition gives none", definition.image);
    return argv;
}

Result<std::vector<std::string>> environment_of(const Plan& plan) {
    const config::Definition& definition = plan.definition;
    Environment environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + plan.hostname};
    if (definition.tty) put_variable(environment, "TERM", "xterm");
    put_variable(environment, "container", "gantry");
    for (const std::string& entry : plan.image.env)
        if (const auto equals = entry.find('='); equals != std::string::npos)
            put_variable(environment, entry.substr(0, equals), entry.substr(equals + 1));
    for (const std::string& file : definition.env_files) TRY(container::read_env_file(file, environment));
    for (const auto& [name, value] : definition.env) put_variable(environment, name, value);
    // systemd makes its machine id of it (systemd.io/CONTAINER_INTERFACE).
    if (plan.machine) put_variable(environment, "container_uuid", plan.id.substr(0, 32));
    if (!has(environment, "HOME")) put_variable(environment, "HOME", plan.privileges.who.home);
    pass_on(plan, environment);
    return environment;
}

}  // namespace gantry::launch
