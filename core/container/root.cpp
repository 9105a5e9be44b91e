// The root file system of a container for cp, export and diff.
#include "container/engine_impl.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

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

// A volume or a folder or file of the host, as the container would have it.
Result<os::Fd> clone_source(const config::Paths& paths, const config::Mount& mount) {
    std::string source = mount.source;
    if (mount.type == config::MountType::volume) source = TRY(read_volume(paths, mount.source)).path;
    os::Fd clone = TRY(os::clone_mount(AT_FDCWD, source, mount.recursive));
    if (mount.read_only) TRY(os::change_mount(clone.get(), "", {.set = MOUNT_ATTR_RDONLY}, mount.recursive, source));
    return clone;
}

Result<> attach_source(const config::Paths& paths, const config::Mount& mount, int root) {
    const os::Fd source = TRY(clone_source(paths, mount));
    auto target = os::open_in_root(root, mount.target, O_PATH);
    if (!target.ok() && target.error().code() == Errc::not_found) target = os::make_dirs_in_root(root, mount.target.substr(1));
    const os::Fd place = TRY(std::move(target));
    return os::attach_mount(source.get(), place.get(), "", mount.target);
}

// Attached in this (private) mount namespace, with volumes and binds where a start puts them: what is copied to a volume's path
// belongs into the volume, whether the container runs or not.
Result<os::Fd> assemble_root(const config::Paths& paths, const config::Definition& definition, driver::Rootfs rootfs) {
    const std::string place = paths.run + "/stopped";
    TRY(os::make_dirs(place, 0700));
    TRY(os::attach_mount(rootfs.mount.get(), AT_FDCWD, place));
    os::Fd root = TRY(os::open(place, O_PATH | O_DIRECTORY));
    std::vector<config::Mount> mounts = definition.mounts;
    std::ranges::stable_sort(mounts, {}, &config::Mount::target);
    for (const config::Mount& mount : mounts)
        if (mount.type != config::MountType::tmpfs)
            TRY_CONTEXT(attach_source(paths, mount, root.get()), "mount '{}'", mount.target);
    return root;
}

}  // namespace

Result<os::Fd> Engine::open_root(const Container& container, bool mounts) {
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
        driver::Rootfs rootfs = TRY(driver->prepare(request));
        if (!mounts) return std::move(rootfs.mount);
        return assemble_root(paths(), container.definition, std::move(rootfs));
    };
    return all().context(fmt::format("open the root of container '{}'", container.name.str()));
}

}  // namespace gantry::container
