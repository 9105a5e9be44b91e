// What the engine's files share. Front ends see engine.hpp only.
#pragma once

#include "container/engine.hpp"
#include "os/lock.hpp"

namespace gantry::container {

struct Engine::Impl {
    explicit Impl(config::Paths folders);

    config::Paths paths;
    config::Engine config;
    driver::Loader loader;
    std::map<std::string, std::unique_ptr<driver::StorageDriver>> storages;
    std::map<std::string, std::unique_ptr<driver::NetworkDriver>> networks;
    std::optional<image::Store> store;
    std::optional<systemd::Manager> manager;
};

// Where definitions of these paths are, in the order of DESIGN: admin, run, data, distribution.
config::DefinitionFolders definition_folders(const config::Paths& paths);
std::string definition_file(const config::Paths& paths, const std::string& name, bool until_reboot);
// Is the file one that the command line wrote and may rewrite? Those of administrators and packages are theirs.
[[nodiscard]] bool is_engine_file(const config::Paths& paths, const std::string& file);

// Changes of one container by the engine exclude each other, also in other processes.
Result<os::Fd> lock_container(const config::Paths& paths, const std::string& name);

// What interrupted writes of this container's definition left; its lock is held.
Result<> sweep_temporaries(const config::Paths& paths, const std::string& name);

// "adjective_surname", with a digit appended from the second attempt on, like Docker's.
std::string random_name(int attempt);

[[nodiscard]] bool is_up(const systemd::UnitState& unit);
// Restart policies that Docker honours at boot.
[[nodiscard]] bool starts_at_boot(const config::Definition& definition);

// The image that a definition pins, else the one its name means now.
Result<image::Image> image_of(Engine& engine, const config::Definition& definition);
driver::RootfsRequest rootfs_request(const ContainerName& name, const config::Definition& definition,
                                     std::vector<driver::LayerKey> layers);

// Names of containers whose definitions name the volume; except: the container of this id does not count.
Result<std::vector<std::string>> volume_users(const config::Paths& paths, std::string_view volume,
                                              std::string_view except = "");

// What `systemctl set-property --runtime` and our own `update` wrote; the next container of this name must not inherit it.
std::string runtime_property_folder(const ContainerName& name);

// Its ports that systemd holds are closed: nobody starts it by connecting.
Result<> stop_sockets(Engine& engine, const Container& container);

// Rolls renames forward that a crash interrupted. Errc::not_found never.
Result<std::vector<std::string>> finish_renames(Engine& engine, bool repair);

// Frees what is kept for the container outside of records: writable layer, leases, anonymous volumes, drop-ins of ours, exit
// status. Goes on past errors and returns the first.
Result<> release_container(Engine& engine, const Container& container, bool volumes);

}  // namespace gantry::container
