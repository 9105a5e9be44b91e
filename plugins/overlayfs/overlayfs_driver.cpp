#include "overlayfs_driver.hpp"

#include "assembly.hpp"
#include "base/names.hpp"
#include "changes.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "quota.hpp"
#include "skeleton.hpp"
#include "strip.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace gantry::overlayfs {

using driver::LayerKey;
using driver::LayerStaging;
using driver::Rootfs;
using driver::RootfsRequest;

namespace {

// File systems that cannot be an upper layer (Documentation/filesystems/overlayfs.rst, "Upper and lower").
Result<> check_file_system(const std::string& folder) {
    struct statfs info {};
    if (statfs(folder.c_str(), &info) != 0) return errno_error("look at the file system of '{}'", folder);
    const char* name = nullptr;
    switch (static_cast<std::uint32_t>(info.f_type)) {
    case OVERLAYFS_SUPER_MAGIC: name = "overlayfs"; break;
    case NFS_SUPER_MAGIC: name = "NFS"; break;
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC: name = "SMB"; break;
    case FUSE_SUPER_MAGIC: name = "FUSE"; break;
    case MSDOS_SUPER_MAGIC: name = "FAT"; break;
    case ECRYPTFS_SUPER_MAGIC: name = "eCryptfs"; break;
    default: return {};
    }
    return error(Errc::unsupported, "'{}' is on {}, which cannot hold writable layers of overlayfs", folder, name);
}

// A context that is opened and closed unused costs a grace period of the kernel (ovl_free_fs waits for one): only where the
// type is not listed, opening it loads the module.
Result<> check_kernel() {
    const auto listed = os::read_file("/proc/filesystems", 1U << 20);
    if (listed.ok() && listed->find("\toverlay\n") != std::string::npos) return {};
    TRY_CONTEXT(os::FsContext::open("overlay"), "this kernel has no overlayfs");
    return {};
}

// ext4 keeps what is below one folder close together; writable layers have nothing to do with each other. As a top of folder
// hierarchies (chattr(1), T) theirs spreads them over the disk, and what one start throws away (overlayfs tries its work folder
// out with a handful of files) is not in the way of the next one's new files. Other file systems have no such flag, and need
// none.
void spread_children(const std::string& folder) {
    const auto dir = os::open(folder, O_RDONLY | O_DIRECTORY);
    unsigned flags = 0;
    if (!dir.ok() || ioctl(dir->get(), FS_IOC_GETFLAGS, &flags) != 0) return;
    flags |= FS_TOPDIR_FL;
    ioctl(dir->get(), FS_IOC_SETFLAGS, &flags);
}

Result<> check_request(const RootfsRequest& request) {
    TRY(ContainerName::parse(request.container));
    if (!request.options.empty())
        return error(Errc::invalid, "storage driver overlayfs has no option '{}'", request.options.front());
    if (request.uid_map.empty() != request.gid_map.empty())
        return error(Errc::invalid, "a user namespace needs a map of users and one of groups");
    return {};
}

}  // namespace

Result<> OverlayfsDriver::probe() {
    TRY(os::make_dirs(folder_, 0700));
    TRY(check_file_system(folder_));
    TRY(check_kernel());
    TRY(layers_.make_folders());
    if (mkdir((folder_ + "/rw").c_str(), 0700) == 0)
        spread_children(folder_ + "/rw");
    else if (errno != EEXIST)
        return errno_error("make folder '{}/rw'", folder_);
    for (const char* name : {"/mnt", "/skeleton", "/empty/0", "/empty/1"})
        TRY(os::make_dirs(folder_ + name, name[1] == 'e' ? 0755 : 0700));
    return {};
}

Result<LayerStaging> OverlayfsDriver::layer_begin(const LayerKey& key, const LayerKey& /*parent*/) {
    return layers_.begin(key);
}
Result<> OverlayfsDriver::layer_commit(LayerStaging staging, std::uint64_t size) {
    return layers_.commit(std::move(staging), size);
}
Result<> OverlayfsDriver::layer_abort(LayerStaging staging) { return layers_.abort(std::move(staging)); }
Result<bool> OverlayfsDriver::layer_exists(const LayerKey& key) { return layers_.exists(key); }
Result<std::uint64_t> OverlayfsDriver::layer_size(const LayerKey& key) { return layers_.size(key); }
Result<> OverlayfsDriver::layer_remove(const LayerKey& key) { return layers_.remove(key); }
Result<std::vector<LayerKey>> OverlayfsDriver::layer_list() { return layers_.list(); }

Result<> OverlayfsDriver::validate(const RootfsRequest& request) {
    TRY(check_request(request));
    TRY(layers_.lowers(request.layers));
    if (!request.read_only && request.size_limit != 0) {
        TRY(quota_possible(folder_));
        if (os::path_exists(writable(request.container)) && TRY(project_of(writable(request.container))) == 0)
            return error(Errc::unsupported, "the writable layer was made without a size limit: it cannot get one now");
    }
    if (!request.uid_map.empty()) TRY(IdmappedView::possible(folder_, request.uid_map, request.gid_map));
    return {};
}

Result<bool> OverlayfsDriver::make_writable(const RootfsRequest& request, const std::vector<std::string>& lowers) {
    const std::string folder = writable(request.container);
    const bool made = mkdir(folder.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return errno_error("make folder '{}'", folder);
    const auto fill = [&]() -> Result<> {
        TRY(made && request.size_limit != 0 ? quota_start(folder, folder_ + "/rw", request.size_limit)
                                            : quota_change(folder, request.size_limit));
        if (mkdir((folder + "/work").c_str(), 0700) != 0 && errno != EEXIST)
            return errno_error("make folder '{}/work'", folder);
        const std::string upper = folder + "/upper";
        if (mkdir(upper.c_str(), 0700) != 0) {
            if (errno == EEXIST) return {};
            return errno_error("make folder '{}'", upper);
        }
        // The container's "/" shows the owner and mode of the upper folder: they are the image's.
        struct stat root {};
        if (stat(lowers.front().c_str(), &root) != 0) return errno_error("stat '{}'", lowers.front());
        if (chown(upper.c_str(), root.st_uid, root.st_gid) != 0 || chmod(upper.c_str(), root.st_mode & 07777) != 0)
            return errno_error("set the owner and mode of '{}'", upper);
        return {};
    };
    if (auto filled = fill(); !filled.ok()) {
        if (made) (void)layers_.discard(folder);  // the first error is the one to tell
        return std::move(filled).error();
    }
    return made;
}

Result<Rootfs> OverlayfsDriver::assemble_rootfs(const RootfsRequest& request, std::vector<std::string> lowers) {
    Parts parts{.lowers = std::move(lowers), .mount_point = folder_ + "/mnt"};
    if (!request.read_only) {
        parts.upper = writable(request.container) + "/upper";
        parts.work = writable(request.container) + "/work";
    }
    if (request.read_only) parts.attributes |= MOUNT_ATTR_RDONLY;
    // The kernel lets nobody inside a user namespace make a device node; one that came with an image must not work either.
    if (!request.uid_map.empty()) parts.attributes |= MOUNT_ATTR_NODEV;
    std::optional<IdmappedView> view;
    if (!request.uid_map.empty()) view.emplace(TRY(IdmappedView::enter(folder_, request.uid_map, request.gid_map)));
    return Rootfs{TRY(assemble(parts))};
}

Result<Rootfs> OverlayfsDriver::prepare(const RootfsRequest& request) {
    TRY(check_request(request));
    std::vector<std::string> lowers = TRY(layers_.lowers(request.layers));
    if (!request.mount_points.empty()) lowers.push_back(TRY(skeleton(folder_, request.mount_points)));
    // An overlay wants one lower layer, and two where it has no upper.
    for (int spare = 0; lowers.empty() || (request.read_only && lowers.size() < 2); ++spare)
        lowers.push_back(fmt::format("{}/empty/{}", folder_, spare));
    const bool made = request.read_only ? false : TRY(make_writable(request, lowers));
    auto rootfs = assemble_rootfs(request, std::move(lowers));
    if (!rootfs.ok() && made) (void)layers_.discard(writable(request.container));
    return rootfs;
}

Result<driver::RootfsStatus> OverlayfsDriver::status(const std::string& container) {
    TRY(ContainerName::parse(container));
    auto measured = measure(writable(container) + "/upper");
    if (!measured.ok() && measured.error().sys() == ENOENT) return driver::RootfsStatus{};
    return measured;
}

Result<std::vector<driver::Change>> OverlayfsDriver::diff(const std::string& container, const std::vector<LayerKey>& layers) {
    TRY(ContainerName::parse(container));
    const auto lowers = TRY(layers_.lowers(layers));
    if (!os::path_exists(writable(container) + "/upper")) return std::vector<driver::Change>{};
    return changes(writable(container) + "/upper", lowers);
}

Result<std::vector<std::string>> OverlayfsDriver::list() { return os::list_dir(folder_ + "/rw"); }

Result<> OverlayfsDriver::rename(const std::string& container, const std::string& new_name) {
    TRY(ContainerName::parse(container));
    TRY(ContainerName::parse(new_name));
    auto moved = os::rename(writable(container), writable(new_name), false);
    if (!moved.ok() && moved.error().sys() == ENOENT) return {};  // nothing was ever written
    if (!moved.ok() && moved.error().sys() == EEXIST)
        return error(Errc::exists, "container '{}' has a writable layer already", new_name);
    return moved;
}

Result<> OverlayfsDriver::teardown(const std::string& container) {
    TRY(ContainerName::parse(container));
    return layers_.discard(writable(container));
}

Result<std::vector<std::string>> OverlayfsDriver::recover(bool dry_run) { return layers_.recover(dry_run); }

bool OverlayfsDriver::wants_mount_namespace(const RootfsRequest& request) const {
    return !request.uid_map.empty() || !detached_overlay_possible();
}

Result<driver::WritableFiles> OverlayfsDriver::writable_files(const std::string& container,
                                                              const std::vector<LayerKey>& layers) {
    TRY(ContainerName::parse(container));
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    driver::WritableFiles files{TRY(os::open(writable(container) + "/upper", flags)), {}};
    for (const std::string& lower : TRY(layers_.lowers(layers))) files.below.push_back(TRY(os::open(lower, flags)));
    return files;
}

Result<> OverlayfsDriver::layer_adopt(const std::string& container, const LayerKey& key, std::uint64_t size) {
    TRY(ContainerName::parse(container));
    const std::string upper = writable(container) + "/upper";
    // A project stays with its files: it would go on to count them, and is one of 16 million.
    if (TRY(project_of(upper)) != 0)
        return error(Errc::unsupported, "the writable layer has a size limit: it cannot become a layer");
    auto staging = layers_.begin(key);
    if (staging.ok()) {
        TRY(strip(upper));
        TRY(layers_.adopt(std::move(staging).value(), upper, size));
    } else if (staging.error().code() != Errc::exists) {
        return std::move(staging).error();
    }
    return layers_.discard(writable(container));
}

Result<os::Fd> OverlayfsDriver::layer_files(const LayerKey& key) {
    return os::open(TRY(layers_.lowers({key})).front(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

}  // namespace gantry::overlayfs
