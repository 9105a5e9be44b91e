// The root file system of a container for cp, export and diff.
#include "container/engine_impl.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

namespace gantry::container {

namespace {

Result<os::Fd> running_root(const Container& container, std::uint32_t pid) {
    // O_PATH: nothing that the container put there is opened, only the folder itself is held.
    return os::open(fmt::format("/proc/{}/root", pid), O_PATH | O_DIRECTORY)
        .context(fmt::format("container '{}'", container.name.str()));
}

}  // namespace

Result<os::Fd> Engine::open_root(const Container& container) {
    systemd::Manager* manager = TRY(systemd());
    const auto state = TRY(manager->state(unit_name(container.name)));
    if (is_up(state) && state.main_pid != 0) return running_root(container, state.main_pid);
    const auto all = [&]() -> Result<os::Fd> {
        if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
        const image::Image image = TRY(image_of(*this, container.definition));
        image::Store* store = TRY(images());
        const image::ImageConfig config = TRY(store->config(image));
        driver::StorageDriver* driver = TRY(storage(container.definition.storage_driver));
        // What the driver mounts on the way must not show on the host.
        if (unshare(CLONE_NEWNS) != 0) return errno_error("unshare the mount namespace");
        if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno_error("make mounts private");
        auto request = rootfs_request(container.name, container.definition, store->layer_keys(config));
        request.read_only = false;  // `docker cp` writes into a read-only container's layer too
        return std::move(TRY(driver->prepare(request)).mount);
    };
    return all().context(fmt::format("open the root of container '{}'", container.name.str()));
}

}  // namespace gantry::container
