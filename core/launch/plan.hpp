// Everything a start needs to know, read and checked before anything is touched.
#pragma once

#include "config/engine.hpp"
#include "config/reader.hpp"
#include "container/record.hpp"
#include "driver/loader.hpp"
#include "image/store.hpp"
#include "sandbox/become.hpp"

#include <memory>

namespace gantry::launch {

struct PlannedNetwork {
    driver::NetworkDriver* driver;  // owned by Plan::network_drivers
    driver::AttachRequest request;
};

struct Plan {
    config::Paths paths;
    config::Engine engine;
    ContainerName name;
    std::string id;
    std::string definition_file;
    config::Definition definition;
    image::ImageConfig image;
    std::string image_id;

    std::vector<std::string> argv;
    std::vector<std::string> environment;  // without what only the container's own files tell (HOME)
    std::string hostname;
    std::string workdir;
    std::string run_as;                    // the definition's user, else the image's
    std::vector<config::Mount> mounts;     // the definition's and the image's volumes, parents before children
    bool machine = false;                  // the command is an init system: systemd's container interface holds

    std::string storage_name;
    std::unique_ptr<driver::StorageDriver> storage;
    driver::RootfsRequest rootfs;
    std::map<std::string, std::unique_ptr<driver::NetworkDriver>> network_drivers;
    std::vector<PlannedNetwork> networks;
    sandbox::Privileges privileges;
};

// Errors name the definition's file or the missing object. Nothing but the default network's file and the store's folders is
// written.
Result<Plan> read_plan(const config::Paths& paths, const ContainerName& name);

}  // namespace gantry::launch
