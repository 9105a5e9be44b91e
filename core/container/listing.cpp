// Containers as they are: definitions, systemd's states and records put together.
#include "base/json.hpp"
#include "container/engine_impl.hpp"

#include "os/file.hpp"

#include <csignal>

namespace gantry::container {

namespace {

std::string machine_id() {
    auto text = os::read_file("/etc/machine-id", 4096);
    if (!text.ok()) return "";
    while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
    return *text;
}

std::string health_of(const config::Paths& paths, const std::string& name) {
    auto text = os::read_file(paths.record(name) + "/health.json", 1U << 20);
    if (!text.ok()) return "";
    const auto json = parse_json(*text);
    for (const char* key : {"Status", "status"})
        if (json.is_object() && json.contains(key) && json[key].is_string()) return json[key].get<std::string>();
    return "";
}

// Docker's words for systemd's.
std::string docker_state(const systemd::UnitState& unit, bool has_record, bool has_run) {
    if (unit.freezer == "frozen" || unit.freezer == "freezing") return "paused";
    if (unit.active == "active" || unit.active == "reloading" || unit.active == "deactivating") return "running";
    if (unit.active == "activating") {
        if (unit.sub.starts_with("auto-restart")) return "restarting";
        // Type=notify before READY=1: the payload runs already.
        return has_record && unit.main_pid != 0 ? "running" : "created";
    }
    return has_run || unit.active == "failed" || unit.exited_us != 0 ? "exited" : "created";
}

// What systemd has forgotten of a unit that ended is in the exit status that the reaper left.
void recall_exit(const config::Paths& paths, Container& container) {
    auto exit = read_exit_status(paths, container.name.str());
    systemd::UnitState& unit = container.unit;
    if (is_up(unit)) {
        const std::string cgroup = "/sys/fs/cgroup" + unit.control_group;
        container.oom_killed = container.record && oom_kills(cgroup) > container.record->oom_kills;
    } else {
        container.oom_killed = unit.result == "oom-kill" || (exit && exit->oom_killed);
    }
    if (!exit || is_up(unit) || (unit.exited_us != 0 && unit.exited_us >= static_cast<std::uint64_t>(exit->finished_us)))
        return;
    unit.exit_code = CLD_EXITED;
    unit.exit_status = exit->code;
    unit.exited_us = static_cast<std::uint64_t>(exit->finished_us);
    if (unit.started_us == 0) unit.started_us = static_cast<std::uint64_t>(exit->started_us);
    if (unit.result.empty()) unit.result = exit->result;
}

Container read_container(const config::Paths& paths, const ContainerName& name, const std::string& file,
                         const std::string& machine) {
    Container container{.name = name, .definition_file = file};
    auto found = config::find_definition(name, definition_folders(paths));
    if (found.ok()) {
        container.definition = std::move(found->definition);
        container.definition_file = found->file;
    } else {
        container.problem = found.error().message();
    }
    container.id = container.definition.id.empty() ? derived_container_id(machine, name) : container.definition.id;
    if (auto record = read_record(paths, name.str()); record.ok()) container.record = std::move(record).value();
    container.unit.name = unit_name(name);
    container.unit.active = "inactive";
    container.unit.sub = "dead";
    return container;
}

void complete(const config::Paths& paths, Container& container) {
    recall_exit(paths, container);
    container.state = docker_state(container.unit, container.record.has_value(), container.unit.exited_us != 0);
    if (is_up(container.unit)) container.health = health_of(paths, container.name.str());
}

}  // namespace

bool is_up(const systemd::UnitState& unit) {
    return unit.active == "active" || unit.active == "activating" || unit.active == "deactivating" ||
           unit.active == "reloading";
}

Result<std::vector<Container>> Engine::containers() {
    const std::string machine = machine_id();
    std::vector<Container> containers;
    for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(paths()))))
        containers.push_back(read_container(paths(), name, file, machine));
    if (containers.empty()) return containers;

    systemd::Manager* manager = TRY(systemd());
    // One call says which units are in memory at all; only those are asked for more, in one burst.
    std::vector<std::string> loaded;
    for (const auto& unit : TRY(manager->list("ctr@*.service"))) loaded.push_back(unit.name);
    std::map<std::string, systemd::UnitState> states;
    for (auto& state : TRY(manager->states(loaded))) states.emplace(state.name, std::move(state));
    for (Container& container : containers) {
        if (auto state = states.find(container.unit.name); state != states.end()) container.unit = state->second;
        complete(paths(), container);
    }
    return containers;
}

Result<Container> Engine::find_container(std::string_view text) {
    const std::string machine = machine_id();
    // Docker's order: the exact name or id, then a unique prefix of an id.
    if (text.starts_with('/')) text.remove_prefix(1);
    const auto definitions = TRY(config::list_definitions(definition_folders(paths())));
    for (const auto& [name, file] : definitions)
        if (name.str() == text) return read_container(paths(), name, file, machine);
    const bool hexadecimal =
        !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    std::vector<Container> matches;
    if (hexadecimal)
        for (const auto& [name, file] : definitions)
            if (Container candidate = read_container(paths(), name, file, machine); candidate.id.starts_with(text)) {
                if (candidate.id == text) return candidate;
                matches.push_back(std::move(candidate));
            }
    if (matches.size() > 1)
        return error(Errc::invalid, "container '{}': {} containers have an id that starts so", text, matches.size());
    if (matches.empty()) return error(Errc::not_found, "no such container: {}", text);
    return std::move(matches.front());
}

Result<Container> Engine::container(std::string_view text) {
    Container container = TRY(find_container(text));
    systemd::Manager* manager = TRY(systemd());
    container.unit = TRY(manager->state(container.unit.name));
    complete(paths(), container);
    return container;
}

}  // namespace gantry::container
