#include "changes.hpp"

#include "os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

namespace gantry::overlayfs {

using driver::Change;
using driver::ChangeKind;

namespace {

struct Entry {
    std::string name;
    struct stat info {};
};

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

bool is_opaque(int folder) {
    char value = 0;
    return fgetxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

Result<os::Fd> open_folder(int dir, const std::string& name) {
    return os::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// The entries of a folder, sorted. One that vanishes while we look is left out.
Result<std::vector<Entry>> entries(int folder, const std::string& shown) {
    std::vector<Entry> found;
    os::Fd own = TRY(os::open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(own.get()), closedir);
    if (!stream) return errno_error("read '{}'", shown);
    (void)own.release();
    while (const dirent* item = readdir(stream.get())) {
        Entry entry{item->d_name, {}};
        if (entry.name == "." || entry.name == "..") continue;
        if (fstatat(folder, item->d_name, &entry.info, AT_SYMLINK_NOFOLLOW) == 0) {
            found.push_back(std::move(entry));
        } else if (errno != ENOENT) {
            return errno_error("stat '{}/{}'", shown, item->d_name);
        }
    }
    std::ranges::sort(found, {}, &Entry::name);
    return found;
}

Result<> too_deep(const std::string& path) {
    return error(Errc::unsupported, "'{}...' is nested deeper than {} folders", path.substr(0, 64), max_depth);
}

class Meter {
public:
    Result<> add(int folder, const std::string& path, int depth) {
        if (depth > max_depth) return too_deep(path);
        for (const Entry& entry : TRY(entries(folder, path))) {
            ++status_.inodes;
            if (S_ISREG(entry.info.st_mode)) count(entry.info);
            if (!S_ISDIR(entry.info.st_mode)) continue;
            auto below = open_folder(folder, entry.name);
            if (!below.ok()) {
                if (below.error().sys() == ENOENT || below.error().sys() == ENOTDIR) continue;
                return std::move(below).error();
            }
            TRY(add(below->get(), path + "/" + entry.name, depth + 1));
        }
        return {};
    }
    driver::RootfsStatus status_{.exists = true};

private:
    void count(const struct stat& info) {
        if (info.st_nlink > 1 && !links_.insert(info.st_ino).second) return;
        status_.bytes += std::min(static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_blocks) * 512);
    }
    std::set<ino_t> links_;
};

// Walks the upper layer and, in step, the folders of the lower layers that make up the same folder of the merged tree.
class Comparer {
public:
    explicit Comparer(std::vector<os::Fd> lowers) : lowers_(std::move(lowers)) {}

    Result<> walk(int folder, const std::string& path, const std::vector<std::size_t>& below, int depth) {
        if (depth > max_depth) return too_deep(path);
        const auto here = TRY(entries(folder, path));
        if (is_opaque(folder)) report_hidden(path, below, here);
        for (const Entry& entry : here) {
            const std::string child = path + "/" + entry.name;
            const auto old = TRY(look_up(child, below));
            if (is_whiteout(entry.info)) {
                if (old.exists) changes_.push_back({ChangeKind::deleted, child});
                continue;
            }
            changes_.push_back({old.exists ? ChangeKind::modified : ChangeKind::added, child});
            if (!S_ISDIR(entry.info.st_mode)) continue;
            auto inner = open_folder(folder, entry.name);
            if (!inner.ok()) {
                if (inner.error().sys() == ENOENT || inner.error().sys() == ENOTDIR) continue;
                return std::move(inner).error();
            }
            TRY(walk(inner->get(), child, old.folders, depth + 1));
        }
        return {};
    }
    std::vector<Change> take() {
        std::ranges::sort(changes_, {}, &Change::path);
        return std::move(changes_);
    }

private:
    struct Old {
        bool exists = false;
        std::vector<std::size_t> folders;  // of lowers_, topmost first, that show this path as one merged folder
    };

    // `path` in the merged view of those lower layers that have its parent as a folder.
    Result<Old> look_up(const std::string& path, const std::vector<std::size_t>& parents) {
        Old old;
        const std::string relative = path.substr(1);
        for (const std::size_t index : parents) {
            struct stat info {};
            if (fstatat(lowers_[index].get(), relative.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) continue;
                return errno_error("stat '{}' in a lower layer", path);
            }
            if (is_whiteout(info)) break;
            if (!S_ISDIR(info.st_mode)) {
                if (!old.exists) old.exists = true;
                break;
            }
            old.exists = true;
            old.folders.push_back(index);
            const os::Fd folder = TRY(open_folder(lowers_[index].get(), relative));
            if (is_opaque(folder.get())) break;
        }
        return old;
    }

    // An opaque folder of the upper layer replaced one below: what that had and this has not was deleted.
    void report_hidden(const std::string& path, const std::vector<std::size_t>& below, const std::vector<Entry>& here) {
        std::set<std::string> gone, whiteouts;
        for (const std::size_t index : below) {
            auto folder =
                path.empty() ? open_folder(lowers_[index].get(), ".") : open_folder(lowers_[index].get(), path.substr(1));
            if (!folder.ok()) continue;
            auto there = entries(folder->get(), path);
            if (!there.ok()) continue;
            for (const Entry& entry : *there)
                (is_whiteout(entry.info) && !gone.contains(entry.name) ? whiteouts : gone).insert(entry.name);
        }
        for (const auto& name : whiteouts) gone.erase(name);
        for (const Entry& entry : here) gone.erase(entry.name);
        for (const auto& name : gone) changes_.push_back({ChangeKind::deleted, path + "/" + name});
    }

    std::vector<os::Fd> lowers_;
    std::vector<Change> changes_;
};

}  // namespace

Result<driver::RootfsStatus> measure(const std::string& upper) {
    const os::Fd folder = TRY(open_folder(AT_FDCWD, upper));
    Meter meter;
    TRY(meter.add(folder.get(), "", 0));
    return meter.status_;
}

Result<std::vector<Change>> changes(const std::string& upper, const std::vector<std::string>& lowers) {
    const os::Fd folder = TRY(open_folder(AT_FDCWD, upper));
    std::vector<os::Fd> open;
    std::vector<std::size_t> all;
    for (const auto& lower : lowers) {
        all.push_back(open.size());
        open.push_back(TRY(open_folder(AT_FDCWD, lower)));
    }
    Comparer comparer(std::move(open));
    TRY(comparer.walk(folder.get(), "", all, 0));
    return comparer.take();
}

}  // namespace gantry::overlayfs
