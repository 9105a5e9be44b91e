#include "archive/archive.hpp"

#include "os/file.hpp"
#include "os/resolve.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <memory>
#include <set>

namespace gantry::archive {

namespace {

namespace fs = std::filesystem;

// Its name is this namespace's too.
using Handle = struct ::archive;

struct WriteCloser {
    void operator()(Handle* a) const { archive_write_free(a); }
};
struct ReadCloser {
    void operator()(Handle* a) const { archive_read_free(a); }
};
struct EntryCloser {
    void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using Writer = std::unique_ptr<Handle, WriteCloser>;
using Reader = std::unique_ptr<Handle, ReadCloser>;
using Entry = std::unique_ptr<archive_entry, EntryCloser>;

bool is_kept_xattr(std::string_view name) { return name.starts_with("user.") || name == "security.capability"; }

Error archive_error(Handle* a, std::string_view what) {
    const char* reason = archive_error_string(a);
    return error(Errc::io, "{}: {}", what, reason ? reason : "unknown error");
}

// One walk of a tree into a tar.
class TreeWriter {
public:
    TreeWriter(Handle* out, bool one_file_system) : out_(out), one_file_system_(one_file_system) {}

    Result<> add(int parent, const std::string& file, const std::string& name) {
        struct stat info {};
        if (fstatat(parent, file.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}'", name);
        if (device_ == 0) device_ = info.st_dev;
        if (S_ISSOCK(info.st_mode)) return {};  // tar has no sockets
        if (!name.empty()) TRY(write_entry(parent, file, name, info));
        if (!S_ISDIR(info.st_mode) || (one_file_system_ && info.st_dev != device_)) return {};
        const os::Fd folder = TRY(os::open_at(parent, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        for (const auto& child : TRY(os::list_dir(fmt::format("/proc/self/fd/{}", folder.get()))))
            TRY(add(folder.get(), child, name.empty() ? child : name + "/" + child));
        return {};
    }

private:
    Result<> write_entry(int parent, const std::string& file, const std::string& name, const struct stat& info) {
        const Entry entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), S_ISDIR(info.st_mode) ? (name + "/").c_str() : name.c_str());
        archive_entry_copy_stat(entry.get(), &info);
        if (!S_ISREG(info.st_mode)) archive_entry_set_size(entry.get(), 0);
        if (S_ISLNK(info.st_mode)) {
            char target[PATH_MAX];
            const ssize_t length = readlinkat(parent, file.c_str(), target, sizeof target - 1);
            if (length < 0) return errno_error("read link '{}'", name);
            target[length] = 0;
            archive_entry_set_symlink(entry.get(), target);
        }
        if (S_ISREG(info.st_mode) && info.st_nlink > 1) {
            auto [known, added] = links_.try_emplace({info.st_dev, info.st_ino}, name);
            if (!added) {
                archive_entry_set_hardlink(entry.get(), known->second.c_str());
                archive_entry_set_size(entry.get(), 0);
            }
        }
        if (!S_ISLNK(info.st_mode)) take_xattrs(parent, file, entry.get());
        if (archive_write_header(out_, entry.get()) < ARCHIVE_WARN) return archive_error(out_, "write '" + name + "'");
        return S_ISREG(info.st_mode) && !archive_entry_hardlink(entry.get()) ? write_data(parent, file, name) : Result<>();
    }

    // What a copy keeps (os/copy_tree.hpp); one that cannot be read is left out.
    static void take_xattrs(int parent, const std::string& file, archive_entry* entry) {
        const std::string path = fmt::format("/proc/self/fd/{}/{}", parent, file);
        char names[65536];
        const ssize_t length = llistxattr(path.c_str(), names, sizeof names);
        for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
            if (!is_kept_xattr(names + at)) continue;
            char value[65536];
            const ssize_t size = lgetxattr(path.c_str(), names + at, value, sizeof value);
            if (size >= 0) archive_entry_xattr_add_entry(entry, names + at, value, static_cast<std::size_t>(size));
        }
    }

    Result<> write_data(int parent, const std::string& file, const std::string& name) {
        const os::Fd data = TRY(os::open_at(parent, file, O_RDONLY | O_NOFOLLOW));
        char buffer[65536];
        for (;;) {
            const ssize_t got = read(data.get(), buffer, sizeof buffer);
            if (got < 0) return errno_error("read '{}'", name);
            if (got == 0) return {};
            // A file that grew meanwhile is cut at the size its header says; libarchive fills one that shrank with zeros.
            if (archive_write_data(out_, buffer, static_cast<std::size_t>(got)) < 0)
                return archive_error(out_, "write '" + name + "'");
        }
    }

    Handle* out_;
    bool one_file_system_;
    dev_t device_ = 0;
    std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

// The names of an entry below the folder it is unpacked into; nothing that leads out.
Result<std::string> safe_name(const char* name) {
    if (!name) return error(Errc::invalid, "archive entry without a name");
    std::string clean;
    for (const auto& part : fs::path(name)) {
        const std::string text = part.string();
        if (text.empty() || text == "." || text == "/") continue;
        if (text == "..") return error(Errc::invalid, "archive entry '{}' leads out of its folder", name);
        clean += (clean.empty() ? "" : "/") + text;
    }
    return clean;
}

class TreeReader {
public:
    TreeReader(Handle* in, int root, std::string below, bool keep_owner)
        : in_(in), root_(root), below_(std::move(below)), keep_owner_(keep_owner) {}

    Result<> add(archive_entry* entry) {
        const std::string name = TRY(safe_name(archive_entry_pathname(entry)));
        if (name.empty()) return {};
        const std::string path = below_ + "/" + name;
        const fs::path split(path);
        const os::Fd parent = TRY(os::make_dirs_in_root(root_, split.parent_path().string()));
        const std::string file = split.filename().string();
        const mode_t type = archive_entry_filetype(entry);
        if (type != AE_IFDIR && unlinkat(parent.get(), file.c_str(), 0) != 0 && errno != ENOENT)
            return errno_error("replace '{}'", path);
        if (const char* target = archive_entry_hardlink(entry)) {
            const fs::path old(below_ + "/" + TRY(safe_name(target)));
            const os::Fd folder = TRY(os::open_in_root(root_, old.parent_path().string(), O_PATH | O_DIRECTORY));
            if (linkat(folder.get(), old.filename().c_str(), parent.get(), file.c_str(), 0) != 0)
                return errno_error("link '{}'", path);
            return {};
        }
        TRY(make(entry, parent.get(), file, path, type));
        return set_metadata(entry, parent.get(), file, path, type);
    }

private:
    Result<> make(archive_entry* entry, int parent, const std::string& file, const std::string& path, mode_t type) {
        const mode_t mode = archive_entry_perm(entry) & 07777;
        switch (type) {
        case AE_IFDIR:
            if (mkdirat(parent, file.c_str(), mode) != 0 && errno != EEXIST) return errno_error("make folder '{}'", path);
            return {};
        case AE_IFLNK:
            if (symlinkat(archive_entry_symlink(entry), parent, file.c_str()) != 0) return errno_error("make link '{}'", path);
            return {};
        case AE_IFREG: return make_file(parent, file, path);
        case AE_IFIFO:
        case AE_IFCHR:
        case AE_IFBLK:
            if (mknodat(parent, file.c_str(), type | mode, archive_entry_rdev(entry)) != 0)
                return errno_error("make node '{}'", path);
            return {};
        default: return error(Errc::invalid, "archive entry '{}' has an unknown type", path);
        }
    }

    Result<> make_file(int parent, const std::string& file, const std::string& path) {
        const os::Fd out = TRY(os::open_at(parent, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0, end = 0;
        for (;;) {
            const int got = archive_read_data_block(in_, &data, &size, &offset);
            if (got == ARCHIVE_EOF) break;
            if (got != ARCHIVE_OK) return archive_error(in_, "read '" + path + "'");
            if (lseek(out.get(), offset, SEEK_SET) < 0) return errno_error("seek '{}'", path);  // a hole stays one
            TRY(os::write_all(out.get(), {static_cast<const char*>(data), size}, path));
            end = offset + static_cast<la_int64_t>(size);
        }
        if (ftruncate(out.get(), end) != 0) return errno_error("write '{}'", path);
        return {};
    }

    Result<> set_metadata(archive_entry* entry, int parent, const std::string& file, const std::string& path, mode_t type) {
        const uid_t uid = keep_owner_ ? static_cast<uid_t>(archive_entry_uid(entry)) : 0;
        const gid_t gid = keep_owner_ ? static_cast<gid_t>(archive_entry_gid(entry)) : 0;
        if (fchownat(parent, file.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("chown '{}'", path);
        // After the owner: chown(2) takes set-id bits away.
        if (type != AE_IFLNK && fchmodat(parent, file.c_str(), archive_entry_perm(entry) & 07777, 0) != 0)
            return errno_error("chmod '{}'", path);
        if (type == AE_IFREG || type == AE_IFDIR) set_xattrs(entry, parent, file);
        const timespec times[2] = {{0, UTIME_OMIT}, {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}};
        if (utimensat(parent, file.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("set times of '{}'", path);
        return {};
    }

    // A file system without them keeps the content all the same.
    static void set_xattrs(archive_entry* entry, int parent, const std::string& file) {
        const std::string path = fmt::format("/proc/self/fd/{}/{}", parent, file);
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
            if (is_kept_xattr(name)) lsetxattr(path.c_str(), name, value, size, 0);
    }

    Handle* in_;
    int root_;
    std::string below_;
    bool keep_owner_;
};

}  // namespace

Result<> write_archive(int root, const std::string& path, const std::string& name, int fd, bool one_file_system) {
    const Writer out(archive_write_new());
    if (archive_write_set_format_pax_restricted(out.get()) != ARCHIVE_OK ||
        archive_write_add_filter_none(out.get()) != ARCHIVE_OK || archive_write_open_fd(out.get(), fd) != ARCHIVE_OK)
        return archive_error(out.get(), "open the archive");
    const os::Fd start = TRY(os::open_in_root(root, path, O_PATH | O_NOFOLLOW));
    struct stat info {};
    if (fstat(start.get(), &info) != 0) return errno_error("stat '{}'", path);
    TreeWriter writer(out.get(), one_file_system);
    if (S_ISDIR(info.st_mode)) {
        TRY(writer.add(start.get(), ".", name));
    } else {
        const fs::path split(path);
        const os::Fd parent =
            TRY(os::open_in_root(root, split.has_parent_path() ? split.parent_path().string() : ".", O_PATH | O_DIRECTORY));
        TRY(writer.add(parent.get(), split.filename().string(), name));
    }
    if (archive_write_close(out.get()) != ARCHIVE_OK) return archive_error(out.get(), "close the archive");
    return {};
}

Result<> copy_to_stream(int root, const std::string& path, int fd, bool follow_link) {
    std::string from = path;
    if (follow_link) from = TRY(os::resolve_in_root(root, path));
    const std::string name = fs::path(path).lexically_normal().filename().string();
    return write_archive(root, from, name.empty() ? fs::path(path).lexically_normal().parent_path().filename().string() : name,
                         fd, false);
}

Result<> copy_from_stream(int fd, int root, const std::string& path, bool keep_owner) {
    const std::string below = TRY(os::resolve_in_root(root, path));
    const os::Fd folder = TRY(os::open_in_root(root, below, O_PATH));
    struct stat info {};
    if (fstat(folder.get(), &info) != 0 || !S_ISDIR(info.st_mode))
        return error(Errc::invalid, "destination '{}' must be a directory", path);
    const Reader in(archive_read_new());
    archive_read_support_format_tar(in.get());
    archive_read_support_filter_all(in.get());
    if (archive_read_open_fd(in.get(), fd, 65536) != ARCHIVE_OK) return archive_error(in.get(), "read the archive");
    TreeReader reader(in.get(), root, below, keep_owner);
    for (;;) {
        archive_entry* entry = nullptr;
        const int got = archive_read_next_header(in.get(), &entry);
        if (got == ARCHIVE_EOF) return {};
        if (got < ARCHIVE_WARN) return archive_error(in.get(), "read the archive");
        TRY(reader.add(entry));
    }
}

Result<bool> unpack_archive(int file, int root, const std::string& folder) {
    if (lseek(file, 0, SEEK_SET) < 0) return errno_error("seek in the archive");
    const Reader in(archive_read_new());
    archive_read_support_format_tar(in.get());
    archive_read_support_filter_all(in.get());
    archive_entry* entry = nullptr;
    // An empty file opens as an archive without entries.
    if (archive_read_open_fd(in.get(), file, 65536) != ARCHIVE_OK) return false;
    int got = archive_read_next_header(in.get(), &entry);
    if (got < ARCHIVE_WARN || got == ARCHIVE_EOF) return false;
    if (folder.empty()) return true;
    TreeReader reader(in.get(), root, TRY(os::resolve_in_root(root, folder)), true);
    for (; got != ARCHIVE_EOF; got = archive_read_next_header(in.get(), &entry)) {
        if (got < ARCHIVE_WARN) return archive_error(in.get(), "read the archive");
        TRY(reader.add(entry));
    }
    return true;
}

}  // namespace gantry::archive
