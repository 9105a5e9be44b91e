// What a start will do, decided before anything is touched: the definition, the image's configuration and the engine's defaults
// put together.
#pragma once

#include "config/engine.hpp"
#include "config/reader.hpp"
#include "container/build_step.hpp"
#include "gantry/driver/storage.hpp"
#include "image/store.hpp"
#include "os/fd.hpp"
#include "sandbox/become.hpp"

namespace gantry::launch {

struct Plan {
    config::Paths paths;
    config::Engine engine;
    ContainerName name;
    std::string file;  // of the definition
    config::Definition definition;
    std::string id, image_id;
    image::ImageConfig image;

    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::string workdir, hostname;
    std::string build;                                 // the id of the build that this is a step of; empty: none
    std::map<std::string, container::StepTree> trees;  // of a step: see container/build_step.hpp
    std::vector<driver::MountPoint> mount_points;      // the same
    bool machine = false;                              // see container/machine.hpp and machine.cpp
    sandbox::Privileges privileges;
    std::vector<driver::IdMap> ids;  // user namespace; empty: none

    bool own_net = true, own_pid = true, own_ipc = true, own_uts = true, own_cgroup = true;
    unsigned sockets = 0;                            // LISTEN_FDS: descriptors 3, 4, ... are the payload's
    std::map<std::string, std::string> credentials;  // name to content
    std::string notify_socket;                       // of the host, bound into the container; empty: none

    [[nodiscard]] std::string record_dir() const { return paths.record(name.str()); }
};

// Reads definition, engine configuration and image; checks what can be checked without touching anything. build: the id of the
// build that the container is a step of, empty for a container of its own.
Result<Plan> make_plan(const ContainerName& name, const std::string& build);

// What the payload runs and in which environment (plan_process.cpp).
Result<std::vector<std::string>> command_of(const config::Definition& definition, const image::ImageConfig& image);
Result<std::vector<std::string>> environment_of(const Plan& plan);

}  // namespace gantry::launch
