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

// Docker joins the words with blanks and puts those that have one in single quotes.
std::string shown_words(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        const bool first = text.empty(), quoted = !first && word.find(' ') != std::string::npos;
        text += (first ? "" : " ") + (quoted ? "'" + word + "'" : word);
    }
    return text;
}

// Go's strconv.Quote, as far as command lines go.
std::string go_quoted(const std::string& text) { return dump_json(Json(text)); }

struct PublishedPort {
    std::string address;  // empty: only exposed
    int outside = 0, inside = 0;
    std::string protocol;
};

// As `docker ps` groups them: ports in a row that are the same on both sides are a range, others stand alone at the end.
std::vector<std::string> grouped_ports(std::vector<PublishedPort> ports) {
    std::ranges::sort(ports, {},
                      [](const auto& port) { return std::tie(port.inside, port.address, port.outside, port.protocol); });
    struct Range {
        std::string address, protocol;
        int first, last;
    };
    std::vector<Range> ranges;
    std::vector<std::string> alone;
    for (const auto& port : ports) {
        if (!port.address.empty() && port.outside != port.inside) {
            alone.push_back(fmt::format("{}:{}->{}/{}", port.address, port.outside, port.inside, port.protocol));
            continue;
        }
        const auto joins = std::ranges::find_if(ranges, [&](const Range& range) {
            return range.address == port.address && range.protocol == port.protocol && port.inside == range.last + 1;
        });
        if (joins == ranges.end())
            ranges.push_back({port.address, port.protocol, port.inside, port.inside});
        else
            joins->last = port.inside;
    }
    std::vector<std::string> texts;
    for (const auto& range : ranges) {
        const std::string span =
            range.first == range.last ? std::to_string(range.first) : fmt::format("{}-{}", range.first, range.last);
        texts.push_back(range.address.empty() ? fmt::format("{}/{}", span, range.protocol)
                                              : fmt::format("{0}:{1}->{1}/{2}", range.address, span, range.protocol));
    }
    texts.insert(texts.end(), alone.begin(), alone.end());
    return texts;
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
    const auto bind = [&](const std::string& inside, const std::string& address, std::uint16_t port) {
        if (address.find(':') == std::string::npos)
            bindings.emplace_back(inside, endpoint(address.empty() ? "0.0.0.0" : address, port));
        if (address.empty() || address.find(':') != std::string::npos)
            bindings.emplace_back(inside, endpoint(address.empty() ? "::" : address, port));
    };
    for (const auto& network : container.record->networks)
        for (const auto& port : network.status.ports)
            bind(fmt::format("{}/{}", port.container_port, protocol_name(port.protocol)), port.host_address, port.host_port);
    // Those that systemd holds.
    for (const config::Port& port : container.definition.ports) {
        if (!port.socket) continue;
        for (std::uint32_t at = 0; at <= std::uint32_t{port.host_port_end} - port.host_port; ++at)
            bind(fmt::format("{}/{}", port.container_port + at, port.protocol), port.host_address,
                 static_cast<std::uint16_t>(port.host_port + at));
    }
    return bindings;
}

std::string ports_text(const container::Container& container, const std::vector<std::string>& image_ports) {
    if (!container.record) return "";
    std::vector<PublishedPort> ports;
    std::set<std::string> published;
    for (const auto& [inside, outside] : port_bindings(container)) {
        const auto slash = inside.find('/'), colon = outside.rfind(':');
        ports.push_back({outside.substr(0, colon), std::atoi(outside.c_str() + colon + 1), std::atoi(inside.c_str()),
                         inside.substr(slash + 1)});
        published.insert(inside);
    }
    // Exposed without being published; what shares another network has none of its own.
    std::vector<std::string> exposed = container.definition.expose;
    if (!container.record->networks.empty()) exposed.insert(exposed.end(), image_ports.begin(), image_ports.end());
    for (auto port : exposed) {
        if (port.find('/') == std::string::npos) port += "/tcp";
        const auto slash = port.find('/');
        if (!published.insert(port).second) continue;
        const int first = std::atoi(port.c_str());
        const auto dash = port.find('-');
        const int last = dash < slash ? std::atoi(port.c_str() + dash + 1) : first;
        for (int number = first; number <= last; ++number) ports.push_back({"", 0, number, port.substr(slash + 1)});
    }
    return joined(grouped_ports(std::move(ports)), ", ");
}

std::vector<std::string> command_words(const container::Container& container, const ImageCommand& image) {
    if (container.record && !container.record->command.empty()) return container.record->command;
    const auto& definition = container.definition;
    std::vector<std::string> words = definition.entrypoint.value_or(image.entrypoint);
    // A new entry point drops the image's command, as in Docker.
    const auto command = definition.command.value_or(definition.entrypoint ? std::vector<std::string>{} : image.command);
    words.insert(words.end(), command.begin(), command.end());
    return words;
}

std::string command_text(const std::vector<std::string>& words, bool no_trunc) {
    const std::string text = shown_words(words);
    return go_quoted(no_trunc ? text : truncated(text, 20));
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
    Json row;
    row["Command"] = command_text(command_words(container, {}), no_trunc);
    row["CreatedAt"] = go_time(definition.created);
    row["Health"] = container.health;
    row["ID"] = no_trunc ? container.id : short_id(container.id);
    row["Image"] = definition.image;
    row["Label"] = definition.labels;
    row["Labels"] = labels_text(definition.labels);
    row["LocalVolumes"] = std::to_string(std::ranges::count_if(
        definition.mounts, [](const config::Mount& mount) { return mount.type == config::MountType::volume; }));
    row["Mounts"] = joined(mount_names(container), ",");
    row["Names"] = container.name.str();
    row["Networks"] = joined(network_names(container), ",");
    row["Ports"] = ports_text(container, {});
    row["RunningFor"] = time_ago(definition.created);
    row["State"] = container.state;
    row["Status"] = container.problem ? "Broken: " + *container.problem : status_text(container);
    row["Unit"] = unit_name(container.name);
    return row;
}

}  // namespace gantry::cli
