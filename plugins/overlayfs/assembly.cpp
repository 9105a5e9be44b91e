#include "assembly.hpp"

#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/userns.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

namespace gantry::overlayfs {

namespace {

// What we never want, whatever the kernel's build says: redirects would let an image's xattrs name other folders of a layer and
// make the upper layer unreadable for diff; metacopy splits a file over layers; index ties an upper to one set of lowers for
// ever.
constexpr std::pair<const char*, const char*> fixed_options[] = {
    {"redirect_dir", "nofollow"}, {"metacopy", "off"}, {"index", "off"}};

// Folders by name where the kernel's option parsers take it (256 bytes for a value of fsconfig(2); ':', ',' and '\' mean
// something to some of them), else by descriptor; /proc/mounts then shows the names.
class Names {
public:
    Result<std::string> of(const std::string& folder) {
        if (folder.size() < 256 && folder.find_first_of(":,\\") == std::string::npos) return folder;
        return short_name(folder);
    }
    Result<std::string> short_name(const std::string& folder) {
        const os::Fd& fd = open_.emplace_back(TRY(os::open(folder, O_PATH | O_DIRECTORY)));
        return fmt::format("/proc/self/fd/{}", fd.get());
    }

private:
    std::vector<os::Fd> open_;
};

// An upper or work folder that overlayfs cannot write makes the mount read-only with no more than a line in the kernel's log.
Result<os::Fd> checked(os::Fd mount, const Parts& parts) {
    struct statvfs info {};
    if (fstatvfs(mount.get(), &info) != 0) return errno_error("overlay: look at the new mount");
    if (!parts.upper.empty() && (info.f_flag & ST_RDONLY))
        return error(Errc::unsupported, "overlay: the kernel cannot write to '{}' (its log says why)", parts.work);
    return mount;
}

unsigned long mount_flags(unsigned attributes) {
    unsigned long flags = 0;
    if (attributes & MOUNT_ATTR_RDONLY) flags |= MS_RDONLY;
    if (attributes & MOUNT_ATTR_NODEV) flags |= MS_NODEV;
    if (attributes & MOUNT_ATTR_NOSUID) flags |= MS_NOSUID;
    return flags;
}

Result<os::Fd> user_namespace(const std::vector<driver::IdMap>& uids, const std::vector<driver::IdMap>& gids) {
    std::vector<os::IdRange> lists[2];
    for (const auto& map : uids) lists[0].push_back({map.container, map.host, map.count});
    for (const auto& map : gids) lists[1].push_back({map.container, map.host, map.count});
    return os::make_user_namespace(lists[0], lists[1]);
}

Result<os::Fd> idmapped_clone(const std::string& folder, const std::vector<driver::IdMap>& uids,
                              const std::vector<driver::IdMap>& gids) {
    const os::Fd map = TRY_CONTEXT(user_namespace(uids, gids), "map owners");
    os::Fd tree = TRY(os::clone_mount(AT_FDCWD, folder, true));
    auto changed = os::change_mount(tree.get(), "", {.set = MOUNT_ATTR_IDMAP, .user_namespace = map.get()}, true, folder);
    if (!changed.ok() && changed.error().sys() == EINVAL)
        return error(Errc::unsupported, "the file system of '{}' cannot map owners for a user namespace (idmapped mounts)",
                     folder);
    TRY(std::move(changed));
    return tree;
}

std::uint32_t host_root(const std::vector<driver::IdMap>& maps) {
    for (const auto& map : maps)
        if (map.container == 0) return map.host;
    return maps.front().host;
}

// setfsuid(2) takes the file capabilities away from a thread that leaves 0; overlayfs needs them in the credentials it keeps.
void act_as(uid_t uid, gid_t gid) {
    setfsgid(gid);
    setfsuid(uid);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (syscall(SYS_capget, &header, data) != 0) return;
    for (auto& half : data) half.effective = half.permitted;
    syscall(SYS_capset, &header, data);
}

}  // namespace

bool detached_overlay_possible() {
    struct utsname name {};
    int major = 0, minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
    return major > 6 || (major == 6 && minor >= 7);
}

Result<os::Fd> assemble_by_descriptor(const Parts& parts) {
    Names names;
    os::FsContext fs = TRY(os::FsContext::open("overlay"));
    TRY(fs.set("source", "overlay"));
    const auto set_folder = [&](const char* key, const std::string& folder) -> Result<> {
        const std::string name = TRY(names.of(folder));
        return fs.set(key, name);
    };
    for (const auto& lower : parts.lowers) TRY(set_folder("lowerdir+", lower));
    if (!parts.upper.empty()) {
        TRY(set_folder("upperdir", parts.upper));
        TRY(set_folder("workdir", parts.work));
    }
    for (const auto& [key, value] : fixed_options) TRY(fs.set(key, value));
    os::Fd mount = TRY(fs.mount(parts.attributes));
    return checked(std::move(mount), parts);
}

Result<os::Fd> assemble_by_options(const Parts& parts) {
    Names names;
    std::string options = "lowerdir=";
    for (const auto& lower : parts.lowers) {
        if (options.back() != '=') options += ':';
        options += TRY(names.short_name(lower));
    }
    if (!parts.upper.empty())
        options +=
            fmt::format(",upperdir={},workdir={}", TRY(names.short_name(parts.upper)), TRY(names.short_name(parts.work)));
    for (const auto& [key, value] : fixed_options) options += fmt::format(",{}={}", key, value);
    // mount(2) copies one page of options and cuts the rest off without a word.
    if (options.size() >= 4096)
        return error(Errc::unsupported, "overlay: {} layers are more than this kernel can mount", parts.lowers.size());

    static std::mutex one_at_a_time;  // threads share the mount point; processes have their own mount namespace
    const std::lock_guard lock(one_at_a_time);
    TRY(os::mount("overlay", parts.mount_point, "overlay", mount_flags(parts.attributes), options));
    auto tree = os::clone_mount(AT_FDCWD, parts.mount_point, false);
    auto gone = os::unmount(parts.mount_point, MNT_DETACH);
    if (!tree.ok()) return tree;
    TRY(std::move(gone));
    return checked(std::move(tree).value(), parts);
}

Result<os::Fd> assemble(const Parts& parts) {
    return detached_overlay_possible() ? assemble_by_descriptor(parts) : assemble_by_options(parts);
}

Result<> IdmappedView::possible(const std::string& folder, const std::vector<driver::IdMap>& uids,
                                const std::vector<driver::IdMap>& gids) {
    TRY(idmapped_clone(folder, uids, gids));
    return {};
}

Result<IdmappedView> IdmappedView::enter(const std::string& folder, const std::vector<driver::IdMap>& uids,
                                         const std::vector<driver::IdMap>& gids) {
    const os::Fd tree = TRY(idmapped_clone(folder, uids, gids));
    // On top of the folder itself: kernels before 6.15 take layers only from mounts that are in the caller's namespace.
    TRY(os::attach_mount(tree.get(), AT_FDCWD, folder));
    act_as(host_root(uids), host_root(gids));
    return IdmappedView(folder);
}

IdmappedView::IdmappedView(IdmappedView&& other) noexcept : folder_(std::move(other.folder_)) { other.folder_.clear(); }

IdmappedView::~IdmappedView() {
    if (folder_.empty()) return;
    act_as(geteuid(), getegid());
    umount2(folder_.c_str(), MNT_DETACH);
}

}  // namespace gantry::overlayfs
