#include "launch/mounts.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

namespace gantry::launch {

namespace {

// moby oci/defaults.go.
constexpr std::array<const char*, 12> masked{"/proc/acpi",
                                             "/proc/asound",
                                             "/proc/interrupts",
                                             "/proc/kcore",
                                             "/proc/keys",
                                             "/proc/latency_stats",
                                             "/proc/sched_debug",
                                             "/proc/scsi",
                                             "/proc/timer_list",
                                             "/proc/timer_stats",
                                             "/sys/devices/virtual/powercap",
                                             "/sys/firmware"};
constexpr std::array<const char*, 5> read_only{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

class Masks {
public:
    explicit Masks(int root) : root_(root) {}

    // A file is covered by the container's /dev/null, a folder by one empty read-only tmpfs; a missing path needs nothing.
    Result<> hide(const std::string& path) {
        auto target = os::open_in_root(root_, path, O_PATH);
        if (!target.ok())
            return target.error().sys() == ENOENT || target.error().sys() == ENOTDIR ? Result<>() : Result<>(target.error());
        struct stat info {};
        if (fstat(target->get(), &info) != 0) return errno_error("stat '{}'", path);
        const os::Fd cover = TRY(S_ISDIR(info.st_mode) ? folder() : null());
        return os::attach_mount(cover.get(), target->get(), "", path);
    }

private:
    Result<os::Fd> null() { return os::clone_mount(TRY(device()), "", false); }

    Result<int> device() {
        if (!device_) {
            os::Fd opened = TRY(os::open_in_root(root_, "/dev/null", O_PATH | O_NOFOLLOW));
            struct stat info {};
            // An image or a volume must not choose what covers the path (CVE-2025-31133).
            if (fstat(opened.get(), &info) != 0 || !S_ISCHR(info.st_mode) || info.st_rdev != 0x103)
                return error(Errc::denied, "'/dev/null' of the container is not the null device");
            device_ = std::move(opened);
        }
        return device_.get();
    }

    Result<os::Fd> folder() {
        os::FsContext context = TRY(os::FsContext::open("tmpfs"));
        TRY(context.set("nr_inodes", "1"));
        TRY(context.set("mode", "755"));
        return context.mount(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    }

    int root_;
    os::Fd device_;
};

Result<> make_read_only(int root, const std::string& path) {
    auto target = os::open_in_root(root, path, O_PATH);
    if (!target.ok())
        return target.error().sys() == ENOENT || target.error().sys() == ENOTDIR ? Result<>() : Result<>(target.error());
    const os::Fd copy = TRY(os::clone_mount(target->get(), "", true));
    TRY(os::change_mount(copy.get(), "", {.set = MOUNT_ATTR_RDONLY}, true, path));
    return os::attach_mount(copy.get(), target->get(), "", path);
}

}  // namespace

Result<> protect_paths(const Plan& plan, int root) {
    const config::Security& security = plan.definition.security;
    Masks masks(root);
    if (!security.privileged && !security.unmask_all) {
        for (const char* path : read_only) TRY_CONTEXT(make_read_only(root, path), "make '{}' read-only", path);
        for (const char* path : masked) TRY_CONTEXT(masks.hide(path), "hide '{}'", path);
    }
    for (const std::string& path : security.readonly_paths)
        TRY_CONTEXT(make_read_only(root, path), "make '{}' read-only", path);
    for (const std::string& path : security.masked_paths) TRY_CONTEXT(masks.hide(path), "hide '{}'", path);
    if (plan.definition.read_only) TRY(os::change_mount(root, "", {.set = MOUNT_ATTR_RDONLY}, false, "/"));
    return {};
}

}  // namespace gantry::launch
