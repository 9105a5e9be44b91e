#include "os/file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <memory>

namespace gantry::os {

namespace {

Result<Fd> openat2(int dir, const std::string& path, int flags, mode_t mode, std::uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) how.mode = mode;
    how.resolve = resolve;
    for (;;) {
        const long fd = syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
        if (fd >= 0) return Fd(static_cast<int>(fd));
        // EAGAIN: a rename raced with the resolution (openat2(2)); EINTR as ever.
        if (errno != EAGAIN && errno != EINTR) return errno_error("open '{}'", path);
    }
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<Fd> open(const std::string& path, int flags, mode_t mode) { return open_at(AT_FDCWD, path, flags, mode); }

Result<Fd> open_at(int dir, const std::string& path, int flags, mode_t mode) {
    for (;;) {
        const int fd = openat(dir, path.c_str(), flags | O_CLOEXEC, mode);
        if (fd >= 0) return Fd(fd);
        if (errno != EINTR) return errno_error("open '{}'", path);
    }
}

Result<Fd> open_in_root(int root, const std::string& path, int flags, mode_t mode) {
    return openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
    return openat2(dir, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> make_dirs_in_root(int root, const std::string& path, mode_t mode) {
    if (auto there = open_in_root(root, path.empty() ? "." : path, O_PATH | O_DIRECTORY);
        there.ok() || there.error().sys() != ENOENT)
        return there;
    Fd current = TRY(open_in_root(root, ".", O_PATH | O_DIRECTORY));
    std::string walked;
    std::size_t at = 0;
    while (at < path.size()) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string part = path.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        const std::string parent = walked.empty() ? "." : walked;
        walked += (walked.empty() ? "" : "/") + part;
        if (auto next = open_in_root(root, walked, O_PATH | O_DIRECTORY); next.ok()) {
            current = std::move(next).value();
            continue;
        } else if (next.error().sys() != ENOENT) {
            return std::move(next).error();
        }
        // A dangling symbolic link fails here with EEXIST and is reported: what it means is not ours to guess.
        if (mkdirat(current.get(), part.c_str(), mode) != 0 && errno != EEXIST) return errno_error("make folder '{}'", walked);
        current = TRY(open_in_root(root, walked, O_PATH | O_DIRECTORY));
    }
    return current;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    Fd fd = TRY(open(path, O_RDONLY));
    return read_fd(fd.get(), path, limit);
}

Result<std::string> read_file_at(int dir, const std::string& path, std::size_t limit) {
    Fd fd = TRY(open_at(dir, path, O_RDONLY));
    return read_fd(fd.get(), path, limit);
}

Result<std::string> read_fd(int fd, std::string_view what, std::size_t limit) {
    std::string text;
    struct stat info {};
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) text.reserve(std::min<std::size_t>(limit, info.st_size + 1));
    char buffer[65536];
    for (;;) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0) {
            if (errno == EINTR) continue;
            return errno_error("read '{}'", what);
        }
        if (got == 0) return text;
        if (text.size() + static_cast<std::size_t>(got) > limit)
            return error(Errc::invalid, "read '{}': larger than the limit of {} bytes", what, limit);
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

Result<> write_all(int fd, std::string_view data, std::string_view what) {
    while (!data.empty()) {
        const ssize_t put = write(fd, data.data(), data.size());
        if (put < 0) {
            if (errno == EINTR) continue;
            return errno_error("write '{}'", what);
        }
        data.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<> write_file_atomic(const std::string& path, std::string_view text, mode_t mode, bool sync) {
    std::uint64_t random = 0;
    [[maybe_unused]] const ssize_t got = getrandom(&random, sizeof random, 0);
    const std::string temporary = fmt::format("{}.tmp-{:x}", path, random);
    Fd fd = TRY(open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    auto written = write_all(fd.get(), text, path);
    // The umask must not decide what a crash-safe write leaves behind.
    if (written.ok() && fchmod(fd.get(), mode) != 0) written = errno_error("chmod '{}'", path);
    if (written.ok() && sync && fsync(fd.get()) != 0) written = errno_error("fsync '{}'", path);
    fd.reset();
    if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) written = errno_error("rename to '{}'", path);
    if (!written.ok()) {
        unlink(temporary.c_str());
        return written;
    }
    return sync ? sync_folder(parent_of(path)) : Result<>();
}

Result<> sync_folder(const std::string& path) {
    const Fd folder = TRY(open(path, O_RDONLY | O_DIRECTORY));
    if (fsync(folder.get()) != 0) return errno_error("fsync '{}'", path);
    return {};
}

Result<> make_dirs(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};  // the usual case: all but the last are there
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at != path.size() && path[at] != '/') continue;
        const std::string part = path.substr(0, at);
        if (mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return errno_error("make folder '{}'", part);
    }
    return {};
}

Result<> rename(const std::string& from, const std::string& to, bool replace) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), replace ? 0 : RENAME_NOREPLACE) != 0)
        return errno_error("rename '{}' to '{}'", from, to);
    return {};
}

bool path_exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

Result<std::vector<std::string>> list_dir(const std::string& path) {
    std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(path.c_str()), closedir);
    std::vector<std::string> names;
    if (!entries) {
        if (errno == ENOENT) return names;
        return errno_error("read '{}'", path);
    }
    while (const dirent* entry = readdir(entries.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
}

Result<Fd> lock_file(const std::string& path, bool exclusive, bool wait) {
    Fd fd = TRY(open(path, O_RDWR | O_CREAT, 0600));
    const int how = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
    while (flock(fd.get(), how) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) return error(Errc::in_use, "lock '{}': held by another process", path);
        return errno_error("lock '{}'", path);
    }
    return fd;
}

}  // namespace gantry::os
