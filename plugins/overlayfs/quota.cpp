#include "quota.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <set>

namespace gantry::overlayfs {

namespace {

// Far from what people write into /etc/projid.
constexpr std::uint32_t first_project = 0x47000000;

int quotactl_fd(int fd, unsigned command, std::uint32_t project, void* data) {
    return static_cast<int>(syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, data));
}

Result<os::Fd> open_folder(const std::string& path) { return os::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); }

Result<> set_bound(int folder, std::uint32_t project, std::uint64_t bytes, const std::string& shown) {
    struct if_dqblk bound {};
    bound.dqb_bhardlimit = (bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE;
    bound.dqb_bsoftlimit = bound.dqb_bhardlimit;
    bound.dqb_valid = QIF_BLIMITS;
    if (quotactl_fd(folder, Q_SETQUOTA, project, &bound) != 0)
        return errno_error("set the quota of project {} for '{}'", project, shown);
    return {};
}

bool in_use(int folder, std::uint32_t project) {
    struct if_dqblk usage {};
    if (quotactl_fd(folder, Q_GETQUOTA, project, &usage) != 0) return false;
    return usage.dqb_curinodes != 0;
}

Result<std::uint32_t> free_project(int folder, const std::string& siblings) {
    std::set<std::uint32_t> taken;
    for (const auto& name : TRY(os::list_dir(siblings))) {
        auto project = project_of(siblings + "/" + name);
        if (project.ok()) taken.insert(*project);
    }
    // Files of a removed container may keep its project in use for a while (open, or waiting to be removed).
    for (std::uint32_t project = first_project; project < first_project + 0x1000000; ++project)
        if (!taken.contains(project) && !in_use(folder, project)) return project;
    return error(Errc::no_space, "no free quota project");
}

}  // namespace

Result<> quota_possible(const std::string& folder) {
    const os::Fd fd = TRY(open_folder(folder));
    struct fs_quota_statv state {};
    state.qs_version = FS_QSTATV_VERSION1;
    if (quotactl_fd(fd.get(), Q_XGETQSTATV, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD)) return {};
    return error(Errc::unsupported,
                 "a size limit needs a file system with project quotas (ext4 or xfs, mounted with prjquota) below '{}'",
                 folder);
}

Result<std::uint32_t> project_of(const std::string& folder) {
    const os::Fd fd = TRY(open_folder(folder));
    struct fsxattr attributes {};
    if (ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) != 0) {
        if (errno == ENOTTY || errno == EOPNOTSUPP) return std::uint32_t{0};
        return errno_error("read the project of '{}'", folder);
    }
    return std::uint32_t{attributes.fsx_projid};
}

Result<> quota_start(const std::string& folder, const std::string& siblings, std::uint64_t bytes) {
    TRY(quota_possible(folder));
    const os::Fd fd = TRY(open_folder(folder));
    const os::Fd lock = TRY(open_folder(siblings));
    while (flock(lock.get(), LOCK_EX) != 0)
        if (errno != EINTR) return errno_error("lock '{}'", siblings);
    const std::uint32_t project = TRY(free_project(fd.get(), siblings));
    // The bound first: nothing may be written below before it holds.
    TRY(set_bound(fd.get(), project, bytes, folder));
    struct fsxattr attributes {};
    if (ioctl(fd.get(), FS_IOC_FSGETXATTR, &attributes) != 0) return errno_error("read the project of '{}'", folder);
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (ioctl(fd.get(), FS_IOC_FSSETXATTR, &attributes) != 0) return errno_error("set the project of '{}'", folder);
    return {};
}

Result<> quota_change(const std::string& folder, std::uint64_t bytes) {
    const std::uint32_t project = TRY(project_of(folder));
    if (project == 0) {
        if (bytes == 0) return {};
        return error(Errc::unsupported, "the writable layer was made without a size limit: it cannot get one now");
    }
    const os::Fd fd = TRY(open_folder(folder));
    return set_bound(fd.get(), project, bytes, folder);
}

}  // namespace gantry::overlayfs
