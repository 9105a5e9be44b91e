// What a container, image, network or volume looks like to its reader: Docker's words for states, ports, times.
#pragma once

#include "base/json.hpp"
#include "container/engine.hpp"

namespace gantry::cli {

using Json = OrderedJson;

// "Up 3 minutes (healthy)", "Exited (0) 2 hours ago", "Created", "Up 2 minutes (Paused)".
std::string status_text(const container::Container& container);
// The exit status as Docker counts it: 128 plus the signal where a signal ended it.
int exit_status(const systemd::UnitState& unit);
// "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp"; image_ports: what the image exposes. Empty unless it is started.
std::string ports_text(const container::Container& container, const std::vector<std::string>& image_ports);
// One host endpoint per line for `gantry port`: {"80/tcp", "0.0.0.0:8080"}.
std::vector<std::pair<std::string, std::string>> port_bindings(const container::Container& container);
// What was or will be executed; image: what its image says.
struct ImageCommand {
    std::vector<std::string> entrypoint, command;
};
std::vector<std::string> command_words(const container::Container& container, const ImageCommand& image);
// As ps shows it: quoted, at most 20 bytes unless no_trunc.
std::string command_text(const std::vector<std::string>& words, bool no_trunc);
std::vector<std::string> network_names(const container::Container& container);
std::vector<std::string> mount_names(const container::Container& container);

// With what {{.Label "KEY"}} looks up.
Json container_row(const container::Container& container, bool no_trunc);

std::string labels_text(const std::map<std::string, std::string>& labels);

}  // namespace gantry::cli
