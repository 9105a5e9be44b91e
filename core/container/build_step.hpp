// A RUN step of a build is a container whose definition is not found by name: the builder writes it for one start. All of a
// build's files are in two folders of its own, named by its id (8 hexadecimal digits), whose lock the builder holds:
//     <run>/build/ID/      lock, NAME.toml (the definition), NAME.json (the image's configuration, trees), secrets
//     <data>/build/scratch/ID/  what has to be on the disk of the layers: unpacked contexts, downloads
// and its containers are called build-ID-N. A build whose lock nobody holds was killed: sweep_builds() takes it down.
#pragma once

#include "config/definition.hpp"
#include "config/engine.hpp"
#include "gantry/driver/storage.hpp"
#include "os/fd.hpp"

namespace gantry::container {

// What a bind mount of the definition shows instead of a folder of the host: the path that is its source, in these layers.
struct StepTree {
    std::vector<driver::LayerKey> layers;  // lowest first
    std::string writable;  // the container name of a writable layer above them, which is thrown away; empty: none
};

struct BuildStep {
    config::Definition definition;
    std::string image_config;               // JSON, image-spec config.md; its VOLUMEs would be made
    std::map<std::string, StepTree> trees;  // by the mount's target
    // Targets that the image may lack: shown without leaving anything in the step's layer (driver::RootfsRequest).
    std::vector<driver::MountPoint> mount_points;
};

std::string build_folder(const config::Paths& paths, std::string_view id);
std::string build_scratch(const config::Paths& paths, std::string_view id);

Result<> write_build_step(const config::Paths& paths, std::string_view id, const ContainerName& name, const BuildStep& step);
Result<BuildStep> read_build_step(const config::Paths& paths, std::string_view id, const ContainerName& name);
std::string build_step_file(const config::Paths& paths, std::string_view id, const ContainerName& name);  // of the definition

// "ctr-build-ID-N.service", in ctr-build.slice.
std::string build_unit_name(const ContainerName& name);
// Is it the name of a step, or of a tree's writable layer, of a build whose builder lives?
[[nodiscard]] bool is_living_build(const config::Paths& paths, std::string_view container);

class BuildFolders {
public:
    // Both folders of a new id, and its lock.
    static Result<BuildFolders> make(const config::Paths& paths);
    BuildFolders(BuildFolders&&) noexcept = default;
    ~BuildFolders();  // both are removed

    [[nodiscard]] const std::string& id() const { return id_; }

private:
    BuildFolders(config::Paths paths, std::string id, os::Fd lock)
        : paths_(std::move(paths)), id_(std::move(id)), lock_(std::move(lock)) {}
    config::Paths paths_;
    std::string id_;
    os::Fd lock_;
};

// Folders of builds that were killed, and nothing of those that live. Returns the ids; their units, records and writable layers
// are the caller's (Engine::sweep_builds).
Result<std::vector<std::string>> sweep_build_folders(const config::Paths& paths, bool remove);

}  // namespace gantry::container
