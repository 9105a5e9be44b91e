#include "container/exec.hpp"

#include "container/engine_impl.hpp"
#include "container/environment.hpp"
#include "os/file.hpp"

#include <charconv>

namespace gantry::container {

namespace {

constexpr const char* default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Docker's order: defaults, the image's, the definition's, the flags'.
Result<std::vector<std::string>> environment_of(const config::Definition& definition, const image::ImageConfig& image,
                                                const std::string& hostname, const ExecOptions& options) {
    std::vector<std::string> environment{default_path, "HOSTNAME=" + hostname};
    if (options.terminal) environment.emplace_back("TERM=xterm");
    for (const auto& entry : image.env) set_variable(environment, entry.find('=') == std::string::npos ? entry + "=" : entry);
    for (const auto& file : definition.env_files) TRY(read_env_file(file, environment));
    for (const auto& [name, value] : definition.env) set_variable(environment, name + "=" + value);
    for (const auto& file : options.env_files) TRY(read_env_file(file, environment));
    for (const auto& entry : options.env) set_variable(environment, entry);
    return environment;
}

// CapBnd of /proc/PID/status, hexadecimal (proc(5)).
Result<sandbox::CapSet> bounding_set(pid_t pid) {
    const std::string file = fmt::format("/proc/{}/status", pid);
    const std::string text = TRY(os::read_file(file, 1 << 16));
    const auto at = text.find("\nCapBnd:\t");
    sandbox::CapSet set = 0;
    if (at == std::string::npos || std::from_chars(text.data() + at + 9, text.data() + text.size(), set, 16).ec != std::errc())
        return error(Errc::internal, "'{}' has no bounding set", file);
    return set;
}

}  // namespace

void set_variable(std::vector<std::string>& environment, const std::string& entry) {
    const auto equals = entry.find('=');
    const std::string start = entry.substr(0, equals) + "=";
    std::erase_if(environment, [&](const std::string& old) { return old.starts_with(start); });
    if (equals != std::string::npos) environment.push_back(entry);
}

Result<EnterRequest> exec_request(const config::Paths& paths, const std::string& name, pid_t pid, const std::string& hostname,
                                  const config::Definition& definition, const image::ImageConfig& image,
                                  const ExecOptions& options) {
    EnterRequest request;
    request.container = name;
    request.pid = pid;
    request.command = options.command;
    request.environment = TRY(environment_of(definition, image, hostname, options));
    request.run_as = options.run_as ? *options.run_as : !definition.run_as.empty() ? definition.run_as : image.user;
    request.groups = definition.groups;
    request.workdir = !options.workdir.empty()      ? options.workdir
                      : !definition.workdir.empty() ? definition.workdir
                                                    : image.workdir;
    request.terminal = options.terminal;
    request.size = options.size;
    config::Definition allowed = definition;
    if (options.privileged) allowed.security.privileged = true;
    request.privileges = TRY(sandbox::privileges_of(allowed, paths.cache + "/seccomp"));
    // The score is the unit's matter; what the definition wants may need a privilege that the caller has not.
    request.privileges.oom_score.reset();
    if (!options.privileged) request.privileges.capabilities &= TRY(bounding_set(pid));
    return request;
}

Result<EnterRequest> exec_request(Engine& engine, const Container& container, const ExecOptions& options) {
    if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
    const std::string& name = container.name.str();
    systemd::Manager* manager = TRY(engine.systemd());
    const auto state = TRY(manager->state(unit_name(container.name)));
    if (!is_up(state) || state.main_pid == 0) return error(Errc::unavailable, "container '{}' is not running", name);
    if (state.freezer == "frozen") return error(Errc::unavailable, "container '{}' is paused, unpause it first", name);
    const image::Image image = TRY(image_of(engine, container.definition));
    image::Store* store = TRY(engine.images());
    const image::ImageConfig config = TRY(store->config(image));
    // As its start wrote it: it may be the host's, or another container's.
    std::string hostname = os::read_file(engine.paths().record(name) + "/hostname", 4096).value_or("");
    hostname = hostname.substr(0, hostname.find('\n'));
    return exec_request(engine.paths(), name, static_cast<pid_t>(state.main_pid), hostname, container.definition, config,
                        options);
}

}  // namespace gantry::container
