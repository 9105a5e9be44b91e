// What the payload is executed with.
#include "container/machine.hpp"
#include "launch/plan.hpp"
#include "os/file.hpp"

#include <cstdlib>

namespace gantry::launch {

namespace {

using Environment = std::vector<std::string>;

void put(Environment& environment, const std::string& name, const std::string& value) {
    const std::string prefix = name + "=";
    for (std::string& entry : environment)
        if (entry.starts_with(prefix)) {
            entry = prefix + value;
            return;
        }
    environment.push_back(prefix + value);
}

bool has(const Environment& environment, const std::string& name) {
    return std::ranges::any_of(environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
}

// docker run --env-file: NAME=VALUE lines, # comments, a bare NAME takes the launcher's own (which a unit rarely has).
Result<> read_env_file(const std::string& file, Environment& environment) {
    const std::string text = TRY_CONTEXT(os::read_file(file, 1U << 20), "environment file");
    std::size_t at = 0, number = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line.pop_back();
        line.erase(0, line.find_first_not_of(" \t"));
        if (line.empty() || line.front() == '#') continue;
        const auto equals = line.find('=');
        const std::string name = line.substr(0, equals);
        if (name.empty() || name.find_first_of(" \t") != std::string::npos)
            return error(Errc::invalid, "environment file '{}', line {}: '{}' is not a variable's name", file, number, name);
        if (equals != std::string::npos)
            put(environment, name, line.substr(equals + 1));
        else if (const char* value = getenv(name.c_str()))
            put(environment, name, value);
    }
    return {};
}

// What systemd gave this process for the payload (sd_listen_fds(3), sd_watchdog_enabled(3), systemd.io/CREDENTIALS).
void pass_on(const Plan& plan, Environment& environment) {
    const std::string pid = plan.own_pid ? (plan.definition.init ? "2" : "1") : "";
    if (plan.sockets > 0) {
        put(environment, "LISTEN_FDS", std::to_string(plan.sockets));
        if (const char* names = getenv("LISTEN_FDNAMES")) put(environment, "LISTEN_FDNAMES", names);
        if (!pid.empty()) put(environment, "LISTEN_PID", pid);
    }
    if (const char* watchdog = getenv("WATCHDOG_USEC"); watchdog && !plan.notify_socket.empty()) {
        put(environment, "WATCHDOG_USEC", watchdog);
        if (!pid.empty()) put(environment, "WATCHDOG_PID", pid);
    }
    if (!plan.notify_socket.empty()) put(environment, "NOTIFY_SOCKET", "/run/host/notify");
    if (!plan.credentials.empty()) put(environment, "CREDENTIALS_DIRECTORY", "/run/credentials");
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
    if (definition.tty) put(environment, "TERM", "xterm");
    put(environment, "container", "gantry");
    for (const std::string& entry : plan.image.env)
        if (const auto equals = entry.find('='); equals != std::string::npos)
            put(environment, entry.substr(0, equals), entry.substr(equals + 1));
    for (const std::string& file : definition.env_files) TRY(read_env_file(file, environment));
    for (const auto& [name, value] : definition.env) put(environment, name, value);
    // systemd makes its machine id of it (systemd.io/CONTAINER_INTERFACE).
    if (plan.machine) put(environment, "container_uuid", plan.id.substr(0, 32));
    if (!has(environment, "HOME")) put(environment, "HOME", plan.privileges.who.home);
    pass_on(plan, environment);
    return environment;
}

}  // namespace gantry::launch
