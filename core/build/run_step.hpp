// One command of a build in a transient unit: the launcher that starts containers starts it too (gantry-launch --step).
#pragma once

#include "build/session.hpp"

namespace gantry::build {

struct StepRequest {
    ContainerName name;
    std::string description;  // the unit's
    image::ImageConfig config;
    std::vector<std::string> words;
    std::vector<std::pair<std::string, std::string>> environment;  // besides the configuration's
    config::NetworkMode network_mode = config::NetworkMode::networks;
    std::string network;  // empty: the engine's default one
    bool insecure = false;
    std::vector<config::Mount> mounts;
    std::map<std::string, container::StepTree> trees;
    std::vector<driver::MountPoint> mount_points;
};

// Runs it to its end; what it writes goes to the vertex. Its changes are in the container's writable layer, whatever the
// outcome. Returns the exit status; an error where it could not be started, and Errc::cancelled.
Result<int> run_step(Session& session, const StepRequest& request, Vertex& vertex);

}  // namespace gantry::build
