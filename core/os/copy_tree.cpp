#include "os/copy_tree.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>

namespace gantry::os {

namespace {

Result<> copy_content(int from, int to, const std::string& shown) {
    for (;;) {
        const ssize_t put = copy_file_range(from, nullptr, to, nullptr, SSIZE_MAX & ~0xfffL, 0);
        if (put > 0) continue;
        if (put == 0) return {};
        // Special file systems (proc, sysfs) and pairs of file systems that cannot do it.
        if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) return errno_error("copy '{}'", shown);
        break;
    }
    char buffer[65536];
    for (;;) {
        const ssize_t got = read(from, buffer, sizeof buffer);
        if (got < 0) return errno_error("read '{}'", shown);
        if (got == 0) return {};
        TRY(write_all(to, {buffer, static_cast<std::size_t>(got)}, shown));
    }
}

void copy_xattrs(int from, int to) {
    char names[65536];
    const ssize_t length = flistxattr(from, names, sizeof names);
    for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
        const std::string_view name(names + at);
        if (!name.starts_with("user.") && name != "security.capability") continue;
        char value[65536];
        const ssize_t size = fgetxattr(from, names + at, value, sizeof value);
        // A file system without them keeps the content all the same.
        if (size >= 0) fsetxattr(to, names + at, value, static_cast<std::size_t>(size), 0);
    }
}

Result<> copy_metadata(int to_dir, const std::string& name, const struct stat& info, const CopyOwner& owner,
                       const std::string& shown) {
    if (fchownat(to_dir, name.c_str(), owner.keep ? info.st_uid : owner.uid, owner.keep ? info.st_gid : owner.gid,
                 AT_SYMLINK_NOFOLLOW) != 0)
        return errno_error("chown '{}'", shown);
    if (!S_ISLNK(info.st_mode) && fchmodat(to_dir, name.c_str(), info.st_mode & 07777, 0) != 0)
        return errno_error("chmod '{}'", shown);
    const timespec times[2] = {info.st_atim, info.st_mtim};
    if (utimensat(to_dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("set times of '{}'", shown);
    return {};
}

Result<> copy_node(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown);

Result<> copy_folder(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                     const std::string& shown) {
    const Fd source = TRY(open_at(from_dir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (mkdirat(to_dir, to.c_str(), 0700) != 0) {
        struct stat there {};
        if (errno != EEXIST) return errno_error("make folder '{}'", shown);
        if (fstatat(to_dir, to.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(there.st_mode))
            return error(Errc::invalid, "cannot overwrite non-directory '{}' with a directory", shown);
    }
    const Fd target = TRY(open_at(to_dir, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    for (const auto& name : TRY(list_dir(fmt::format("/proc/self/fd/{}", source.get()))))
        TRY(copy_node(source.get(), name, target.get(), name, owner, shown + "/" + name));
    return {};
}

Result<> copy_node(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown) {
    struct stat info {};
    if (fstatat(from_dir, from.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}'", shown);
    if (S_ISDIR(info.st_mode)) {
        TRY(copy_folder(from_dir, from, to_dir, to, owner, shown));
        return copy_metadata(to_dir, to, info, owner, shown);
    }
    if (unlinkat(to_dir, to.c_str(), 0) != 0 && errno != ENOENT) {
        if (errno == EISDIR) return error(Errc::invalid, "cannot overwrite directory '{}' with a file", shown);
        return errno_error("replace '{}'", shown);
    }
    if (S_ISREG(info.st_mode)) {
        const Fd source = TRY(open_at(from_dir, from, O_RDONLY | O_NOFOLLOW));
        const Fd target = TRY(open_at(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        TRY(copy_content(source.get(), target.get(), shown));
        TRY(copy_metadata(to_dir, to, info, owner, shown));
        copy_xattrs(source.get(), target.get());  // after the owner: chown(2) takes file capabilities away
        return {};
    } else if (S_ISLNK(info.st_mode)) {
        char text[PATH_MAX];
        const ssize_t length = readlinkat(from_dir, from.c_str(), text, sizeof text - 1);
        if (length < 0) return errno_error("read link '{}'", shown);
        text[length] = 0;
        if (symlinkat(text, to_dir, to.c_str()) != 0) return errno_error("make link '{}'", shown);
    } else if (mknodat(to_dir, to.c_str(), info.st_mode, info.st_rdev) != 0) {
        return errno_error("make node '{}'", shown);
    }
    return copy_metadata(to_dir, to, info, owner, shown);
}

}  // namespace

Result<> copy_tree(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown) {
    return copy_node(from_dir, from, to_dir, to, owner, shown);
}

Result<> copy_into(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown) {
    return copy_folder(from_dir, from, to_dir, to, owner, shown);
}

}  // namespace gantry::os
