#include "cli/rows.hpp"

#include "base/units.hpp"
#include "cli/context.hpp"

#include <csignal>
#include <ctime>

namespace gantry::cli {

namespace {

std::string span_since(std::uint64_t microseconds) {
    const std::int64_t span = std::time(nullptr) - static_cast<std::int64_t>(microseconds / 1000000);
    return human_duration(std::chrono::seconds(std::max<std::int64_t>(span, 0)));
}

const char* protocol_name(driver::Protocol protocol) {
    switch (protocol) {
    case driver::Protocol::udp: return "udp";
    case driver::Protocol::sctp: return "sctp";
    default: return "tcp";
    }
}

std::string endpoint(const std::string& address, std::uint16_t port) {
    return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port) : fmt::format("[{}]:{}", address, port);
}

std::string joined(const std::vector<std::string>& parts, const char* glue) {
    return fmt::format("{}", fmt::join(parts, glue));
}

std::string defined_command(const config::Definition& definition) {
    std::vector<std::string> words = definition.entrypoint.value_or(std::vector<std::string>{});
    if (definition.command) words.insert(words.end(), definition.command->begin(), definition.command->end());
    return joined(words, " ");
}

}  // namespace

int exit_status(const systemd::UnitState& unit) {
    return unit.exit_code == CLD_KILLED || unit.exit_code == CLD_DUMPED ? 128 + unit.exit_status : unit.exit_status;
}

std::string status_text(const container::Container& container) {
    const std::string& state = container.state;
    if (state == "created") return "Created";
    if (state == "exited" || state == "dead")
        return fmt::format("Exited ({}) {} ago", exit_status(container.unit), span_since(container.unit.exited_us));
    if (state == "restarting")
        return fmt::format("Restarting ({}) {} ago", exit_status(container.unit), span_since(container.unit.exited_us));
    if (state == "removing") return "Removal In Progress";
    std::string text = "Up " + span_since(container.unit.started_us);
    if (state == "paused")
        text += " (Paused)";
    else if (container.health == "starting")
        text += " (health: starting)";
    else if (!container.health.empty())
        text += " (" + container.health + ")";
    return text;
}

std::vector<std::pair<std::string, std::string>> port_bindings(const container::Container& container) {
    std::vector<std::pair<std::string, std::string>> bindings;
    if (!container.record) return bindings;
    for (const auto& network : container.record->networks) {
        for (const auto& port : network.status.ports) {
            const std::string inside = fmt::format("{}/{}", port.container_port, protocol_name(port.protocol));
            const bool any = port.host_address.empty();
            if (any || port.host_address.find(':') == std::string::npos)
                bindings.emplace_back(inside, endpoint(any ? "0.0.0.0" : port.host_address, port.host_port));
            if (any || port.host_address.find(':') != std::string::npos)
                bindings.emplace_back(inside, endpoint(any ? "::" : port.host_address, port.host_port));
        }
    }
    return bindings;
}

std::string ports_text(const container::Container& container) {
    std::vector<std::string> parts;
    std::set<std::string> published;
    for (const auto& [inside, outside] : port_bindings(container)) {
        parts.push_back(outside + "->" + inside);
        published.insert(inside);
    }
    for (const auto& port : container.definition.expose)
        if (!published.contains(port)) parts.push_back(port);
    return joined(parts, ", ");
}

std::string command_text(const container::Container& container) {
    const std::string words = container.record && !container.record->command.empty() ? joined(container.record->command, " ")
                                                                                     : defined_command(container.definition);
    return "\"" + words + "\"";
}

std::vector<std::string> network_names(const container::Container& container) {
    const auto& definition = container.definition;
    switch (definition.network_mode) {
    case config::NetworkMode::none: return {"none"};
    case config::NetworkMode::host: return {"host"};
    case config::NetworkMode::container: return {"container:" + definition.network_container};
    case config::NetworkMode::networks: break;
    }
    std::vector<std::string> names;
    for (const auto& network : definition.networks) names.push_back(network.name);
    if (names.empty()) names.emplace_back("bridge");
    return names;
}

std::vector<std::string> mount_names(const container::Container& container) {
    std::vector<std::string> names;
    for (const auto& mount : container.definition.mounts)
        if (mount.type != config::MountType::tmpfs) names.push_back(mount.source);
    return names;
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
    std::vector<std::string> parts;
    for (const auto& [key, value] : labels) parts.push_back(key + "=" + value);
    return joined(parts, ",");
}

Json container_row(const container::Container& container, bool no_trunc) {
    const auto& definition = container.definition;
    std::string command = command_text(container);
    if (!no_trunc && command.size() > 22) command = "\"" + truncated(command.substr(1, command.size() - 2), 20) + "\"";
    Json row;
    row["Command"] = command;
    row["CreatedAt"] = rfc3339(definition.created * 1000000);
    row["Health"] = container.health;
    row["ID"] = no_trunc ? container.id : short_id(container.id);
    row["Image"] = definition.image;
    row["Labels"] = labels_text(definition.labels);
    row["LocalVolumes"] = std::to_string(std::ranges::count_if(
        definition.mounts, [](const config::Mount& mount) { return mount.type == config::MountType::volume; }));
    row["Mounts"] = joined(mount_names(container), ",");
    row["Names"] = container.name.str();
    row["Networks"] = joined(network_names(container), ",");
    row["Ports"] = ports_text(container);
    row["RunningFor"] = time_ago(definition.created);
    row["State"] = container.state;
    row["Status"] = container.problem ? "Broken: " + *container.problem : status_text(container);
    row["Unit"] = unit_name(container.name);
    return row;
}

}  // namespace gantry::cli
