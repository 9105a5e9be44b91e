#include "image/unpack_tree.hpp"

#include "base/text.hpp"
#include "os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace gantry::image {

Result<std::string> clean_path(std::string_view path) {
    if (path.size() >= PATH_MAX) return error(Errc::invalid, "archive: a path of {} bytes", path.size());
    if (path.find('\0') != std::string_view::npos) return error(Errc::invalid, "archive: a path has a zero byte");
    std::string clean;
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string_view part = path.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            if (clean.empty()) return error(Errc::invalid, "archive: path '{}' leaves the layer", path);
            const std::size_t slash = clean.rfind('/');
            clean.resize(slash == std::string::npos ? 0 : slash);
            continue;
        }
        if (!clean.empty()) clean += '/';
        clean += part;
    }
    return clean;
}

std::string_view parent_path(std::string_view clean) {
    const std::size_t slash = clean.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : clean.substr(0, slash);
}

Result<int> UnpackTree::folder(std::string_view path, bool make) {
    if (path.empty()) return root_;
    if (last_ >= 0 && path == last_path_) return last_;
    const std::string key(path);
    auto found = cache_.find(key);
    if (found == cache_.end()) {
        auto opened = os::open_in_root(root_, key, O_PATH | O_DIRECTORY);
        if (!opened.ok() && (opened.error().sys() == ENOENT || opened.error().sys() == ENOTDIR) && make) {
            TRY(make_folder(path));
            opened = os::open_in_root(root_, key, O_PATH | O_DIRECTORY);  // a dangling link fails here
        }
        if (!opened.ok()) return std::move(opened).error();
        remember(path, std::move(opened).value());
        found = cache_.find(key);
    }
    last_path_ = key;
    last_ = found->second.get();
    return last_;
}

Result<> UnpackTree::make_folder(std::string_view path) {
    const int parent = TRY(folder(parent_path(path)));
    const std::string name = base_name(std::string(path));
    int made_it = mkdirat(parent, name.c_str(), 0755);
    bool opaque = false;
    struct stat info {};
    if (made_it != 0 && errno == EEXIST && fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISCHR(info.st_mode) && info.st_rdev == 0) {
        // A whiteout came before, and now something goes below its name.
        if (unlinkat(parent, name.c_str(), 0) != 0) return errno_error("remove '{}'", path);
        made_it = mkdirat(parent, name.c_str(), 0755);
        opaque = true;
    }
    if (made_it != 0) {
        if (errno == EEXIST) return {};
        return errno_error("make folder '{}'", path);
    }
    // The umask may have taken bits away.
    if (fchmodat(parent, name.c_str(), 0755, 0) != 0) return errno_error("chmod '{}'", path);
    if (made) TRY(made(path, parent, name, opaque));
    return {};
}

void UnpackTree::remember(std::string_view path, os::Fd folder) {
    if (path.empty()) return;
    if (cache_.size() >= cache_limit) forget();
    if (path == last_path_) last_ = -1;
    os::Fd& kept = cache_[std::string(path)];
    if (kept) retired_.push_back(std::move(kept));
    kept = std::move(folder);
}

// Closing at once would leave the caller with a number that the next open(2), of another thread too, gives to something else.
void UnpackTree::forget() {
    for (auto& [path, folder] : cache_) retired_.push_back(std::move(folder));
    cache_.clear();
    last_ = -1;
}

Result<> UnpackTree::each_child(int parent, const std::string& name, const std::function<Result<>(const std::string&)>& call) {
    os::Fd folder = TRY(os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(folder.get()), closedir);
    if (!entries) return errno_error("read '{}'", name);
    [[maybe_unused]] const int owned = folder.release();  // by entries
    while (const dirent* entry = readdir(entries.get())) {
        const std::string child = entry->d_name;
        if (child != "." && child != "..") TRY(call(child));
    }
    return {};
}

Result<> UnpackTree::remove(int parent, const std::string& name, std::string_view path) {
    struct stat info {};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return errno_error("stat '{}'", path);
    }
    if (S_ISDIR(info.st_mode)) {
        forget();
        return remove_folder(parent, name, path, 0);
    }
    if (S_ISLNK(info.st_mode)) forget();
    if (unlinkat(parent, name.c_str(), 0) != 0) return errno_error("remove '{}'", path);
    return {};
}

Result<> UnpackTree::remove_folder(int parent, const std::string& name, std::string_view path, int depth) {
    // A path has at most PATH_MAX / 2 components; each level holds one descriptor and a frame of a few hundred bytes.
    if (depth > PATH_MAX / 2) return error(Errc::invalid, "remove '{}': nested too deep", path);
    os::Fd folder = TRY(os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(each_child(folder.get(), ".", [&](const std::string& child) -> Result<> {
        if (unlinkat(folder.get(), child.c_str(), 0) == 0) return {};
        if (errno != EISDIR && errno != EPERM) return errno_error("remove '{}/{}'", path, child);
        return remove_folder(folder.get(), child, path, depth + 1);
    }));
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) return errno_error("remove '{}'", path);
    return {};
}

}  // namespace gantry::image
