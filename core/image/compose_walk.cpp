#include "image/compose_walk.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace gantry::image {

namespace {

constexpr int max_depth = 400;  // each level costs a descriptor; as the driver's diff has it
constexpr const char* opaque_xattr = "trusted.overlay.opaque";

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

bool is_opaque(int folder) {
    char value = 0;
    return fgetxattr(folder, opaque_xattr, &value, 1) == 1 && value == 'y';
}

// Gone or replaced by something else since it was listed: left out, as if it had gone before.
bool vanished(const Error& error) {
    return error.sys() == ENOENT || error.sys() == ENOTDIR || error.sys() == ELOOP || error.sys() == ENXIO;
}

Result<os::Fd> open_folder(int dir, const std::string& name) {
    return os::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

bool same_access(const struct stat& a, const struct stat& b) {
    return a.st_uid == b.st_uid && a.st_gid == b.st_gid && (a.st_mode & 07777) == (b.st_mode & 07777);
}

// A capability for the root of one user namespace (VFS_CAP_REVISION_3, linux/capability.h) means nothing outside of it; the
// image has it for whoever is root, as moby does (pkg/system: ReadSecurityXattrToTarHeader).
void widen_capability(std::string& value) {
    constexpr std::size_t second_revision_size = 20;
    if (value.size() != 24 || value[3] != 3) return;
    value[3] = 2;
    value.resize(second_revision_size);
}

}  // namespace

LayersBelow::Seen LayersBelow::root() const {
    Seen seen{.exists = true, .folders = {}};
    for (std::size_t at = 0; at < folders_.size(); ++at) seen.folders.push_back(at);
    return seen;
}

Result<LayersBelow::Seen> LayersBelow::look_up(const std::string& path, const Seen& parent) const {
    Seen seen;
    for (const std::size_t index : parent.folders) {
        struct stat info {};
        if (fstatat(folders_[index].get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;
            return errno_error("stat '/{}' in a layer below", path);
        }
        if (is_whiteout(info)) break;
        seen.exists = true;
        if (!S_ISDIR(info.st_mode)) break;
        seen.folders.push_back(index);
        const os::Fd folder = TRY(open_folder(folders_[index].get(), path));
        if (is_opaque(folder.get())) break;
    }
    return seen;
}

Result<struct stat> LayersBelow::root_info() const {
    struct stat info {};
    info.st_mode = S_IFDIR | 0755;
    if (!folders_.empty() && fstat(folders_.front().get(), &info) != 0) return errno_error("stat '/' of the layer below");
    return info;
}

Result<> ChangeWalk::run() {
    TRY(root_entry());
    return children(top_, "", below_.root(), 0);
}

// The root is in the layer where it is not what an unpacker makes of a layer that does not tell, and a change where it is not
// what the layers below have.
Result<> ChangeWalk::root_entry() {
    struct stat info {};
    struct stat usual {};
    usual.st_mode = S_IFDIR | 0755;
    if (fstat(top_, &info) != 0) return errno_error("stat '/'");
    TarEntry entry = TRY(entry_of(TarType::folder, "./", info));
    TRY(take_xattrs(top_, entry));
    const bool changed = !entry.xattrs.empty() || !same_access(info, TRY(below_.root_info()));
    if (!changed && same_access(info, usual)) return {};
    TRY(tar_.entry(entry));
    if (changed) empty_ = false;
    return settle_times(top_, {top_, ".", "", info});
}

Result<> ChangeWalk::children(int folder, const std::string& path, const LayersBelow::Seen& below, int depth) {
    if (depth > max_depth)
        return error(Errc::unsupported, "'/{}...' is nested deeper than {} folders", path.substr(0, 64), max_depth);
    for (std::string& name : TRY(os::list_dir(fmt::format("/proc/self/fd/{}", folder)))) {
        if (options_.cancel && *options_.cancel) return error(Errc::cancelled, "the layer was given up");
        Place place{folder, name, join(path, name), {}};
        if (place.path.size() >= PATH_MAX) return error(Errc::invalid, "'/{}...': the path is too long", path.substr(0, 64));
        if (fstatat(folder, place.name.c_str(), &place.info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;
            return errno_error("stat '/{}'", place.path);
        }
        TRY(child(place, below, depth));
    }
    return {};
}

Result<> ChangeWalk::child(const Place& place, const LayersBelow::Seen& below, int depth) {
    if (is_whiteout(place.info)) return whiteout(place, below);
    if (place.name.starts_with(".wh."))
        return error(Errc::invalid, "'/{}': an image cannot hold a name that starts with '.wh.'", place.path);
    if (S_ISDIR(place.info.st_mode)) return folder(place, below, depth);
    if (S_ISSOCK(place.info.st_mode)) {  // means nothing without the process behind it, and no tar can say it
        if (options_.consume && unlinkat(place.parent, place.name.c_str(), 0) != 0)
            return errno_error("remove socket '/{}'", place.path);
        return {};
    }
    if (TRY(linked(place))) return {};
    return S_ISREG(place.info.st_mode) ? file(place) : other(place);
}

Result<> ChangeWalk::put(const TarEntry& entry) {
    empty_ = false;
    return tar_.entry(entry);
}

// Of what only a start showed (a mount point), nothing is to be hidden.
Result<> ChangeWalk::whiteout(const Place& place, const LayersBelow::Seen& below) {
    if (!TRY(below_.look_up(place.path, below)).exists) {
        if (options_.consume && unlinkat(place.parent, place.name.c_str(), 0) != 0)
            return errno_error("remove whiteout '/{}'", place.path);
        return {};
    }
    TarEntry entry;  // no owner, mode or time: it is no file
    entry.path = place.path.substr(0, place.path.size() - place.name.size()) + ".wh." + place.name;
    return put(entry);
}

Result<> ChangeWalk::folder(const Place& place, const LayersBelow::Seen& below, int depth) {
    auto opened = open_folder(place.parent, place.name);
    if (!opened.ok() && vanished(opened.error())) return {};
    const os::Fd fd = TRY(std::move(opened));
    TarEntry entry = TRY(entry_of(TarType::folder, place.path, place.info));
    TRY(take_xattrs(fd.get(), entry));
    TRY(put(entry));
    LayersBelow::Seen seen = TRY(below_.look_up(place.path, below));
    TRY(opaque(fd.get(), place.path, seen));
    TRY(children(fd.get(), place.path, seen, depth + 1));
    return settle_times(fd.get(), place);
}

// overlayfs marks new folders as well, to save itself look-ups (ovl_create_upper); a layer says it only of what hides
// something.
Result<> ChangeWalk::opaque(int fd, const std::string& path, LayersBelow::Seen& seen) {
    if (!is_opaque(fd)) return {};
    if (!seen.exists) {
        if (options_.consume && fremovexattr(fd, opaque_xattr) != 0) return errno_error("remove the mark of '/{}'", path);
        return {};
    }
    seen = {};
    TarEntry entry;
    entry.path = path + "/.wh..wh..opq";
    return put(entry);
}

// A further name of something that is in the layer already.
Result<bool> ChangeWalk::linked(const Place& place) {
    if (place.info.st_nlink < 2) return false;
    const auto [first, is_new] = links_.try_emplace(place.info.st_ino, place.path);
    if (is_new) return false;
    TarEntry entry = TRY(entry_of(TarType::hard_link, place.path, place.info));
    entry.link = first->second;
    TRY(put(entry));
    return true;
}

Result<> ChangeWalk::file(const Place& place) {
    // Not blocked by a fifo that took its place, and without a new access time.
    auto opened = os::open_at(place.parent, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME);
    if (!opened.ok() && vanished(opened.error())) return links_.erase(place.info.st_ino), Result<>();
    const os::Fd fd = TRY(std::move(opened));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return errno_error("stat '/{}'", place.path);
    if (!S_ISREG(info.st_mode)) return {};
    TarEntry entry = TRY(entry_of(TarType::file, place.path, info));
    entry.size = static_cast<std::uint64_t>(info.st_size);
    TRY(take_xattrs(fd.get(), entry));
    TRY(put(entry));
    TRY(content(fd.get(), entry.size, place.path));
    bytes_ += entry.size;
    return settle_times(fd.get(), place);
}

Result<> ChangeWalk::content(int fd, std::uint64_t size, const std::string& path) {
    buffer_.resize(256U << 10);
    while (size > 0) {
        if (options_.cancel && *options_.cancel) return error(Errc::cancelled, "the layer was given up");
        const ssize_t got = read(fd, buffer_.data(), static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer_.size())));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read '/{}'", path);
        std::size_t piece = static_cast<std::size_t>(got);
        if (got == 0) {
            piece = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer_.size()));
            std::fill_n(buffer_.begin(), piece, '\0');
        }
        TRY(tar_.data({buffer_.data(), piece}));
        size -= piece;
    }
    return {};
}

Result<> ChangeWalk::other(const Place& place) {
    TarEntry entry;
    if (S_ISLNK(place.info.st_mode)) {
        std::string target(PATH_MAX, '\0');
        const ssize_t length = readlinkat(place.parent, place.name.c_str(), target.data(), target.size());
        if (length < 0 && (errno == ENOENT || errno == EINVAL)) return {};
        if (length < 0) return errno_error("read link '/{}'", place.path);
        entry = TRY(entry_of(TarType::symbolic_link, place.path, place.info));
        entry.link = target.substr(0, static_cast<std::size_t>(length));
    } else {
        const TarType type = S_ISFIFO(place.info.st_mode)  ? TarType::fifo
                             : S_ISCHR(place.info.st_mode) ? TarType::character
                                                           : TarType::block;
        entry = TRY(entry_of(type, place.path, place.info));
        if (type != TarType::fifo) entry.major = major(place.info.st_rdev), entry.minor = minor(place.info.st_rdev);
    }
    TRY(put(entry));
    return settle_times(-1, place);
}

Result<TarEntry> ChangeWalk::entry_of(TarType type, const std::string& path, const struct stat& info) const {
    TarEntry entry;
    entry.type = type;
    entry.path = path;
    entry.mode = info.st_mode & 07777;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    entry.modified.seconds = time_of(info);
    return entry;
}

std::int64_t ChangeWalk::time_of(const struct stat& info) const {
    return options_.clamp ? std::min<std::int64_t>(info.st_mtim.tv_sec, *options_.clamp) : info.st_mtim.tv_sec;
}

Result<> ChangeWalk::take_xattrs(int fd, TarEntry& entry) const {
    char names[XATTR_LIST_MAX];
    const ssize_t length = flistxattr(fd, names, sizeof names);
    if (length < 0 && errno != EOPNOTSUPP) return errno_error("list the attributes of '/{}'", entry.path);
    for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
        const std::string name = names + at;
        if (!image_xattr(name)) {
            const bool foreign =
                name.starts_with("user.") || (name.starts_with("trusted.") && !name.starts_with("trusted.overlay."));
            if (options_.consume && foreign && fremovexattr(fd, name.c_str()) != 0)
                return errno_error("remove '{}' of '/{}'", name, entry.path);
            continue;
        }
        std::string value(XATTR_SIZE_MAX, '\0');
        const ssize_t size = fgetxattr(fd, name.c_str(), value.data(), value.size());
        if (size < 0 && errno == ENODATA) continue;
        if (size < 0) return errno_error("read '{}' of '/{}'", name, entry.path);
        value.resize(static_cast<std::size_t>(size));
        if (name == "security.capability") {
            widen_capability(value);
            if (options_.consume && value.size() != static_cast<std::size_t>(size) &&
                fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
                return errno_error("set '{}' of '/{}'", name, entry.path);
        }
        entry.xattrs[name] = std::move(value);
    }
    return {};
}

// fd: -1 for what has none.
Result<> ChangeWalk::settle_times(int fd, const Place& place) const {
    if (!options_.consume) return {};
    const std::int64_t seconds = time_of(place.info);
    struct stat now {};
    const bool look_again = S_ISDIR(place.info.st_mode);  // what was removed from it has changed its time
    if (look_again ? fstat(fd, &now) != 0 : false) return errno_error("stat '/{}'", place.path);
    const timespec& there = look_again ? now.st_mtim : place.info.st_mtim;
    if (there.tv_sec == seconds && there.tv_nsec == 0) return {};
    const timespec times[2] = {{0, UTIME_OMIT}, {seconds, 0}};
    const int failed = fd >= 0 ? futimens(fd, times) : utimensat(place.parent, place.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    if (failed != 0) return errno_error("set the time of '/{}'", place.path);
    return {};
}

}  // namespace gantry::image
