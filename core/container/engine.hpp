// Everything `gantry`, gantryd and other front ends do with containers, networks and volumes, as one object: it opens the
// store, the drivers and the bus to systemd when first needed. Runs as root in the host's namespaces. Not for gantry-launch,
// whose path is shorter.
#pragma once

#include "config/engine.hpp"
#include "config/reader.hpp"
#include "container/exit_status.hpp"
#include "container/network_store.hpp"
#include "container/record.hpp"
#include "container/units.hpp"
#include "container/volume_store.hpp"
#include "driver/loader.hpp"
#include "image/build_cache.hpp"
#include "image/store.hpp"
#include "systemd/manager.hpp"

#include <atomic>

namespace gantry::image {
class ByteSource;
}

namespace gantry::container {

// What Docker calls the state: created, running, paused, restarting, removing, exited, dead.
struct Container {
    ContainerName name;
    std::string id;
    std::string definition_file;
    config::Definition definition;
    systemd::UnitState unit;
    std::string state;
    bool oom_killed = false;             // a process of it was, in this run or the last one
    std::string health;                  // "", "starting", "healthy", "unhealthy"
    std::optional<Record> record;        // while started
    std::optional<std::string> problem;  // why the definition cannot be read; the rest is then empty
};

struct CommitOptions {
    std::optional<ImageRef> name;  // with a tag; none: the image has no name
    std::string author, message;
    std::vector<std::string> changes;  // Dockerfile instructions (container/image_changes.hpp)
    bool pause = true;                 // a running container stands still while its files are read
    const std::atomic<bool>* cancel = nullptr;
};
struct ImportOptions {
    std::optional<ImageRef> name;
    std::string message;
    std::vector<std::string> changes;
    std::optional<image::Platform> platform;  // none: this host's
    const std::atomic<bool>* cancel = nullptr;
};

class Engine {
public:
    static Result<Engine> open();  // reads gantry.toml
    static Result<Engine> open(const config::Paths& paths);
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;
    ~Engine();

    config::Paths& paths();
    config::Engine& config();
    driver::Loader& drivers();
    Result<driver::StorageDriver*> storage(const std::string& name = "");
    Result<driver::NetworkDriver*> network_driver(const std::string& name);
    Result<image::Store*> images();
    Result<systemd::Manager*> systemd();

    // Containers. text: a name, an id or a unique prefix of an id, as everywhere in Docker.
    Result<std::vector<Container>> containers();  // every definition; one bus call for all states
    Result<Container> container(std::string_view text);
    // The same without asking systemd: unit and state stay empty.
    Result<Container> find_container(std::string_view text);
    // Checks everything that a start would (image there, drivers, networks, volumes, contradictions), writes the definition
    // below <data>/containers (or /run/gantry/containers with auto_remove) and the drop-in. No name: one is made up as Docker
    // does. Errc::exists for a taken name.
    Result<Container> create(std::optional<ContainerName> name, config::Definition definition);
    // What `gantry check` says: everything a start of this definition would refuse, without starting.
    Result<> check(const ContainerName& name, const config::Definition& definition);
    Result<> remove(const Container& container, bool force, bool volumes);
    Result<> rename(const Container& container, const ContainerName& new_name);
    // Writes the changed definition and applies what can be applied to a running container.
    Result<> update(const Container& container, const config::Definition& changed);
    // Puts the container into, or takes it out of, what starts at boot: create does it by the restart policy (always,
    // unless-stopped); stopping an unless-stopped one by hand takes it out until it is started by hand, as in Docker.
    Result<> set_boot(const ContainerName& name, bool wanted);
    // A root file system to read and write: of a running container through its process, else mounted until this process ends
    // (its mount namespace is unshared for that), with volumes and binds in their places if `mounts`.
    Result<os::Fd> open_root(const Container& container, bool mounts);

    Result<std::vector<NetworkInfo>> networks();
    Result<NetworkInfo> network(std::string_view name);
    Result<NetworkInfo> network_create(driver::NetworkConfig config, std::map<std::string, std::string> labels);
    Result<> network_remove(std::string_view name);
    Result<> network_reload(std::string_view name);
    // Changes the definition, and the running container too where its driver can attach live.
    Result<> network_connect(const Container& container, const config::NetworkAttachment& attachment);
    Result<> network_disconnect(const Container& container, std::string_view network);

    Result<std::vector<VolumeInfo>> volumes();
    Result<VolumeInfo> volume(std::string_view name);
    Result<VolumeInfo> volume_create(std::string name, std::map<std::string, std::string> labels,
                                     std::map<std::string, std::string> options);
    Result<> volume_remove(std::string_view name, bool force);  // Errc::in_use while a definition names it

    // Ids of images that containers use: image::Store::remove and prune must know them.
    Result<std::vector<Digest>> images_in_use();
    // Names of what was removed (containers that are not up, networks and volumes that no definition names), bytes freed.
    // filters as Docker's: "until" (seconds since 1970), "label", "label!"; volumes: "all" for named ones too.
    struct Pruned {
        std::vector<std::string> names;
        std::uint64_t bytes = 0;
    };
    using Filters = std::map<std::string, std::vector<std::string>>;
    Result<Pruned> prune_containers(const Filters& filters);
    Result<Pruned> prune_networks(const Filters& filters);
    Result<Pruned> prune_volumes(const Filters& filters);
    // Of `builder prune`; waits for nothing: what a build uses now stays, or is made again.
    Result<Pruned> prune_build_cache(const image::CachePrune& options);
    // An image of the container's image, what the container changed, and its settings as an image's configuration; running or
    // not. An empty change adds no layer. What is mounted in the container (volumes, /etc/hosts) is not part of it. A pause
    // ends also when this process is killed. Nothing is left on an error.
    Result<image::Image> commit(const Container& container, const CommitOptions& options);
    // An image of one layer: the archive's files.
    Result<image::Image> import_image(image::ByteSource& source, const ImportOptions& options);
    Result<image::Store::Pruned> prune_images(bool all, const std::map<std::string, std::string>& filters);

    struct Usage {  // of `system df`
        struct Item {
            std::string name;          // an image's is its id
            std::uint64_t bytes = 0;   // of an image: of all its layers
            std::uint64_t unique = 0;  // of an image: of the layers that no other has
            std::size_t users = 0;     // containers
            bool active = false;
        };
        std::vector<Item> images, containers, volumes;
        std::vector<image::CacheEntry> build_cache;
        std::uint64_t layer_bytes = 0, layer_reclaimable = 0;  // all layers, shared ones once; those of unused images
    };
    Result<Usage> usage();

    // Takes down what killed builds left: units, records, writable layers, folders. Returns one line per build.
    Result<std::vector<std::string>> sweep_builds(bool remove);

    // Findings of every room: store, layers, records, leases, interfaces, rules, drop-ins, definitions.
    Result<std::vector<image::Finding>> system_check(bool repair, bool deep);

    struct Impl;

private:
    explicit Engine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::container
