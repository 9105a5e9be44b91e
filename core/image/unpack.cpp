#include "image/unpack.hpp"

#include "base/text.hpp"
#include "image/layer_tar.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";
constexpr std::string_view aufs_prefix = ".wh..wh.";  // aufs' own files; nothing of the image

std::array<timespec, 2> times_of(const TarTime& accessed, const TarTime& modified) {
    return {timespec{accessed.seconds, accessed.nanoseconds}, timespec{modified.seconds, modified.nanoseconds}};
}

std::array<timespec, 2> times_of(const TarEntry& entry) {
    return times_of(entry.accessed.value_or(entry.modified), entry.modified);
}

}  // namespace

Unpacker::Unpacker(ByteSource& source, int root, driver::LayerFormat format, const UnpackLimits& limits,
                   const LocalFiles* local)
    : reader_(source), source_(source), root_(root), format_(format), limits_(limits), local_(local), tree_(root) {
    tree_.made = [this](std::string_view path, int parent, const std::string& name, bool over_whiteout) -> Result<> {
        note_made(path);
        if (!over_whiteout || format_ != driver::LayerFormat::overlay) return {};
        os::Fd made = TRY(os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        return mark_opaque(made.get(), std::string(path));
    };
}

Result<std::uint64_t> Unpacker::run() {
    for (;;) {
        const std::optional<TarEntry> entry = TRY(reader_.next());
        if (!entry) break;
        tree_.next_entry();
        if (++entries_ > limits_.entries) return error(Errc::invalid, "archive: more than {} entries", limits_.entries);
        TRY_CONTEXT(place_entry(*entry), "unpack '{}'", entry->path);
    }
    TRY(set_folder_times());
    // What follows the archive's end is padding; it belongs to the digest and must be read.
    for (;;) {
        const std::string_view rest = TRY(source_.peek());
        if (rest.empty()) return bytes_;
        source_.consume(rest.size());
    }
}

Result<> Unpacker::charge(std::uint64_t bytes, const std::string& path) {
    bytes_ += bytes;
    if (bytes_ > limits_.bytes)
        return error(Errc::invalid, "'{}': the layer's files exceed the limit of {} bytes", path, limits_.bytes);
    return {};
}

Result<> Unpacker::place_entry(const TarEntry& entry) {
    Place place{TRY(clean_path(entry.path)), -1, {}};
    if (place.path.empty()) return make_root(entry);
    place.name = base_name(place.path);
    if (place.name.starts_with(whiteout_prefix)) {
        if (place.name != opaque_name && place.name.starts_with(aufs_prefix)) return {};
        place.parent = TRY(tree_.folder(parent_path(place.path)));
        if (place.name == opaque_name) return opaque(place);
        return whiteout(place, place.name.substr(whiteout_prefix.size()));
    }
    place.parent = TRY(tree_.folder(parent_path(place.path)));
    TRY(make_entry(entry, place));
    note_made(place.path);
    return {};
}

Result<> Unpacker::make_entry(const TarEntry& entry, const Place& place) {
    switch (entry.type) {
    case TarType::file: return make_file(entry, place);
    case TarType::folder: return make_folder(entry, place);
    case TarType::hard_link: return make_hard_link(entry, place);
    case TarType::symbolic_link: return make_symbolic_link(entry, place);
    case TarType::character:
    case TarType::block:
    case TarType::fifo: return make_node(entry, place);
    }
    return error(Errc::internal, "no such entry type");
}

// chown(2) clears set-id bits and file capabilities, so owner, mode, xattrs in this order.
Result<> Unpacker::set_owner_and_mode(const TarEntry& entry, int fd, const std::string& path) {
    if (fchown(fd, entry.uid, entry.gid) != 0) return errno_error("chown '{}' to {}:{}", path, entry.uid, entry.gid);
    if (fchmod(fd, entry.mode) != 0) return errno_error("chmod '{}'", path);
    return set_xattrs(entry, path, [&](const char* name, const std::string& value) {
        return fsetxattr(fd, name, value.data(), value.size(), 0);
    });
}

Result<> Unpacker::set_xattrs(const TarEntry& entry, const std::string& path,
                              const std::function<int(const char*, const std::string&)>& set) {
    for (const auto& [name, value] : entry.xattrs) {
        if (!image_xattr(name)) continue;
        if (set(name.c_str(), value) == 0) continue;
        // A file system without user attributes or ACLs loses little; a lost file capability would break the program.
        if (name != "security.capability" && (errno == EOPNOTSUPP || errno == EPERM)) continue;
        return errno_error("set '{}' of '{}'", name, path);
    }
    return {};
}

Result<> Unpacker::make_root(const TarEntry& entry) {
    if (entry.type != TarType::folder) return error(Errc::invalid, "the layer's root is not a folder");
    TRY(set_owner_and_mode(entry, root_, "/"));
    folder_times_[""] = {entry.accessed.value_or(entry.modified), entry.modified};
    return {};
}

Result<> Unpacker::make_folder(const TarEntry& entry, const Place& place) {
    const char* name = place.name.c_str();
    bool hides_lower = false;
    if (mkdirat(place.parent, name, 0700) != 0) {
        if (errno != EEXIST) return errno_error("make folder");
        struct stat info {};
        if (fstatat(place.parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat");
        if (!S_ISDIR(info.st_mode)) {
            // A whiteout of the same name came before: what the layers below have there must stay hidden.
            hides_lower = format_ == driver::LayerFormat::overlay && S_ISCHR(info.st_mode) && info.st_rdev == 0;
            TRY(tree_.remove(place.parent, place.name, place.path));
            if (mkdirat(place.parent, name, 0700) != 0) return errno_error("make folder");
        }
    }
    os::Fd folder = TRY(os::open_at(place.parent, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(set_owner_and_mode(entry, folder.get(), place.path));
    if (hides_lower) TRY(mark_opaque(folder.get(), place.path));
    folder_times_[place.path] = {entry.accessed.value_or(entry.modified), entry.modified};
    tree_.remember(place.path, std::move(folder));
    return {};
}

Result<> Unpacker::make_file(const TarEntry& entry, const Place& place) {
    if (const auto local = find_local(entry, place)) return take_local(entry, place, *local);
    const os::Fd fd = TRY(create_file(place));
    TRY(write_data(entry, fd.get()));
    return finish_file(entry, place, fd.get());
}

Result<os::Fd> Unpacker::create_file(const Place& place) {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    os::Fd fd(openat(place.parent, place.name.c_str(), flags, 0600));
    if (!fd && errno == EEXIST) {
        TRY(tree_.remove(place.parent, place.name, place.path));
        fd = os::Fd(openat(place.parent, place.name.c_str(), flags, 0600));
    }
    if (!fd) return errno_error("make file");
    return fd;
}

Result<> Unpacker::finish_file(const TarEntry& entry, const Place& place, int fd) {
    TRY(set_owner_and_mode(entry, fd, place.path));
    if (futimens(fd, times_of(entry).data()) != 0) return errno_error("set times");
    return {};
}

Result<> Unpacker::write_data(const TarEntry& entry, int fd) {
    // Before anything is written: a size that lies is caught by its claim, not by the full disk.
    TRY(charge(entry.stored, entry.path));
    if (entry.size > limits_.bytes) return error(Errc::invalid, "a file of {} bytes", entry.size);
    if (!entry.sparse) {
        for (;;) {
            const std::string_view piece = TRY(reader_.data());
            if (piece.empty()) return {};
            TRY(os::write_all(fd, piece, entry.path));
        }
    }
    if (ftruncate(fd, static_cast<off_t>(entry.size)) != 0) return errno_error("truncate");
    std::string_view piece;
    for (const SparseRun& run : entry.runs) {
        if (lseek(fd, static_cast<off_t>(run.offset), SEEK_SET) < 0) return errno_error("seek");
        for (std::uint64_t left = run.size; left > 0;) {
            if (piece.empty()) piece = TRY(reader_.data());
            const std::string_view part =
                piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
            TRY(os::write_all(fd, part, entry.path));
            piece.remove_prefix(part.size());
            left -= part.size();
        }
    }
    return {};
}

Result<> Unpacker::make_hard_link(const TarEntry& entry, const Place& place) {
    const std::string target = TRY_CONTEXT(clean_path(entry.link), "hard link's target");
    if (target == place.path) return {};
    if (target.empty()) return error(Errc::invalid, "hard link to the root");
    const std::string target_name = base_name(target);
    const int from = TRY_CONTEXT(tree_.folder(parent_path(target), false), "hard link to '{}'", target);
    const auto link = [&] { return linkat(from, target_name.c_str(), place.parent, place.name.c_str(), 0); };  // never follows
    if (link() == 0) return {};
    if (errno == EEXIST) {
        struct stat old {
        }, wanted{};
        if (fstatat(from, target_name.c_str(), &wanted, AT_SYMLINK_NOFOLLOW) != 0)
            return errno_error("hard link to '{}'", target);
        if (fstatat(place.parent, place.name.c_str(), &old, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat");
        if (old.st_ino == wanted.st_ino && old.st_dev == wanted.st_dev)
            return {};  // the same name by another way, or linked already
        TRY(tree_.remove(place.parent, place.name, place.path));
        if (link() == 0) return {};
    }
    return errno_error("hard link to '{}'", target);
}

Result<> Unpacker::make_symbolic_link(const TarEntry& entry, const Place& place) {
    if (entry.link.empty()) return error(Errc::invalid, "symbolic link to nothing");
    if (symlinkat(entry.link.c_str(), place.parent, place.name.c_str()) != 0) {
        if (errno != EEXIST) return errno_error("make symbolic link");
        TRY(tree_.remove(place.parent, place.name, place.path));
        if (symlinkat(entry.link.c_str(), place.parent, place.name.c_str()) != 0) return errno_error("make symbolic link");
    }
    if (fchownat(place.parent, place.name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("chown");
    // User attributes of links are refused by the kernel (xattr(7)) and file capabilities make no sense: none are set.
    if (utimensat(place.parent, place.name.c_str(), times_of(entry).data(), AT_SYMLINK_NOFOLLOW) != 0)
        return errno_error("set times");
    return {};
}

Result<> Unpacker::make_node(const TarEntry& entry, const Place& place) {
    const mode_t type = entry.type == TarType::fifo ? S_IFIFO : entry.type == TarType::block ? S_IFBLK : S_IFCHR;
    const dev_t device = entry.type == TarType::fifo ? 0 : makedev(entry.major, entry.minor);
    const char* name = place.name.c_str();
    if (mknodat(place.parent, name, type | 0600, device) != 0) {
        if (errno != EEXIST) return errno_error("make device or fifo");
        TRY(tree_.remove(place.parent, place.name, place.path));
        if (mknodat(place.parent, name, type | 0600, device) != 0) return errno_error("make device or fifo");
    }
    if (fchownat(place.parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("chown");
    // Just made and not a link: following is not possible, and glibc before 2.32 has no other way.
    if (fchmodat(place.parent, name, entry.mode, 0) != 0) return errno_error("chmod");
    if (utimensat(place.parent, name, times_of(entry).data(), AT_SYMLINK_NOFOLLOW) != 0) return errno_error("set times");
    return {};
}

Result<> Unpacker::set_folder_times() {
    for (const auto& [path, times] : folder_times_) {
        const auto both = times_of(times.accessed, times.modified);
        if (path.empty()) {
            if (futimens(root_, both.data()) != 0) return errno_error("set times of '/'");
            continue;
        }
        // It may have been removed or replaced by a later entry.
        const auto parent = tree_.folder(parent_path(path), false);
        const std::string name = base_name(path);
        struct stat info {};
        if (!parent.ok() || fstatat(*parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) continue;
        if (utimensat(*parent, name.c_str(), both.data(), AT_SYMLINK_NOFOLLOW) != 0)
            return errno_error("set times of '{}'", path);
    }
    return {};
}

Result<std::uint64_t> unpack_tar(const std::function<Result<std::size_t>(char*, std::size_t)>& read, int folder,
                                 driver::LayerFormat format, const UnpackLimits& limits) {
    FunctionSource source(read);
    const os::Fd root = TRY(os::open_at(folder, ".", O_RDONLY | O_DIRECTORY));  // the caller's may be O_PATH
    return Unpacker(source, root.get(), format, limits).run();
}

}  // namespace gantry::image
