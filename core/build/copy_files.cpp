#include "build/copy_files.hpp"

#include "base/text.hpp"
#include "container/image_changes.hpp"
#include "os/copy_tree.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace gantry::build {

namespace {

std::string folder_name(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}
std::string below(const std::string& folder, const std::string& path) {
    if (path.empty()) return folder;
    return folder.ends_with('/') ? folder + path : folder + "/" + path;
}

bool is_folder(int root, const std::string& path) {
    const auto opened = os::open_in_root(root, path, O_PATH);
    struct stat info {};
    return opened.ok() && fstat(opened->get(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A folder that stays open while one file after the other is copied from or into it.
class OpenFolder {
public:
    explicit OpenFolder(int root) : root_(root) {}
    Result<int> at(const std::string& path) {
        if (!fd_ || path != path_) {
            fd_ = TRY(os::open_in_root(root_, path.empty() ? "." : path, O_PATH | O_DIRECTORY));
            path_ = path;
        }
        return fd_.get();
    }

private:
    int root_;
    os::Fd fd_;
    std::string path_;
};

class Copier {
public:
    Copier(const Source& source, int root, const Destination& destination)
        : source_(source), root_(root), destination_(destination), from_(source.tree->root.get()), to_(root) {}

    // All items of a folder into the folder `target`, which is there.
    Result<> folder(const std::string& target) {
        std::vector<std::pair<std::string, const Item*>> folders;
        for (const Item& item : source_.items) {
            const std::string path = below(target, item.path);
            if (!S_ISDIR(item.info.st_mode)) {
                TRY(object(item, path));
                continue;
            }
            if (item.path.empty()) continue;  // the target itself keeps what it has
            TRY(make_folder(path));
            folders.emplace_back(path, &item);
        }
        // What is put into a folder changes its time.
        for (auto one = folders.rbegin(); one != folders.rend(); ++one) TRY(set_metadata(one->first, one->second->info));
        return {};
    }

    // A file, link or device as path.
    Result<> object(const Item& item, const std::string& path) {
        const std::string from = item.path.empty() ? source_.path : below(source_.path, item.path);
        const std::string place = "/" + from;
        const int folder = TRY(to_.at(folder_name(path)));
        TRY(os::copy_tree(TRY(from_.at(folder_name(from))), base_name(from), folder, base_name(path), owner_of(), place));
        if (!destination_.mode || S_ISLNK(item.info.st_mode)) return {};
        if (fchmodat(folder, base_name(path).c_str(), destination_.mode->apply(item.info.st_mode & 07777, false), 0) != 0)
            return errno_error("chmod '{}'", path);
        return {};
    }

private:
    [[nodiscard]] os::CopyOwner owner_of() const {
        if (destination_.owner) return {false, destination_.owner->uid, destination_.owner->gid};
        return {source_.tree->keep_owner, 0, 0};
    }

    Result<> make_folder(const std::string& path) {
        const int parent = TRY(to_.at(folder_name(path)));
        const std::string name = base_name(path);
        if (mkdirat(parent, name.c_str(), 0755) == 0) return {};
        struct stat there {};
        if (errno != EEXIST) return errno_error("make folder '{}'", path);
        if (fstatat(parent, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}'", path);
        if (S_ISDIR(there.st_mode) || (S_ISLNK(there.st_mode) && is_folder(root_, path))) return {};
        return error(Errc::invalid, "cannot copy a folder to '{}', which is none", path);
    }

    Result<> set_metadata(const std::string& path, const struct stat& info) {
        const os::Fd folder = TRY(os::open_in_root(root_, path, O_RDONLY | O_DIRECTORY));
        const os::CopyOwner owner = owner_of();
        if (fchown(folder.get(), owner.keep ? info.st_uid : owner.uid, owner.keep ? info.st_gid : owner.gid) != 0)
            return errno_error("chown '{}'", path);
        const mode_t mode = info.st_mode & 07777;
        if (fchmod(folder.get(), destination_.mode ? destination_.mode->apply(mode, true) : mode) != 0)
            return errno_error("chmod '{}'", path);
        const timespec times[2] = {info.st_atim, info.st_mtim};
        if (futimens(folder.get(), times) != 0) return errno_error("set times of '{}'", path);
        return {};
    }

    const Source& source_;
    int root_;
    const Destination& destination_;
    OpenFolder from_, to_;
};

constexpr int link_depth = 40;  // as the kernel follows (path_resolution(7))

Result<bool> make_folders_below(int root, const std::string& path, const Owner& owner, int depth);

// One folder whose parent is there. A link that leads to nothing yet gets its folder.
Result<bool> make_one(int root, const std::string& path, const Owner& owner, int depth) {
    const std::string above = folder_name(path), name = base_name(path);
    const os::Fd parent = TRY(os::open_in_root(root, above.empty() ? "." : above, O_RDONLY | O_DIRECTORY));
    if (mkdirat(parent.get(), name.c_str(), 0755) != 0) {
        char target[PATH_MAX];
        const ssize_t length = errno == EEXIST ? readlinkat(parent.get(), name.c_str(), target, sizeof target) : -1;
        if (length < 0 || depth == link_depth) return errno_error("make folder '{}'", path);
        const std::string link(target, static_cast<std::size_t>(length));
        return make_folders_below(root, container::resolved_folder(above, link), owner, depth + 1);
    }
    if (fchownat(parent.get(), name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        fchmodat(parent.get(), name.c_str(), 0755, 0) != 0)
        return errno_error("change owner and mode of '{}'", path);
    return true;
}

Result<bool> make_folders_below(int root, const std::string& path, const Owner& owner, int depth) {
    bool made = false;
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at + 1), path.size());
        const std::string part = path.substr(0, end);
        at = end;
        if (part == "/" || part.empty() || part.ends_with('/')) continue;
        struct stat info {};
        if (const auto there = os::open_in_root(root, part, O_PATH); there.ok()) {
            if (fstat(there->get(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
            return error(Errc::invalid, "'{}' is not a folder", part);
        }
        made |= TRY(make_one(root, part, owner, depth));
    }
    return made;
}

class Copying {
public:
    Copying(int root, const Destination& destination, bool several)
        : root_(root), destination_(destination), several_(several) {}

    Result<> add(const Source& source) {
        Copier copier(source, root_, destination_);
        if (source.is_folder()) {
            const std::string target = destination_.parents ? below(destination_.path, source.kept) : destination_.path;
            TRY(make(target));
            return copier.folder(target);
        }
        if (destination_.unpack && S_ISREG(source.items.front().info.st_mode) && TRY(unpack(source))) return {};
        const std::string target = target_of(source);
        TRY(make(folder_name(target)));
        return copier.object(source.items.front(), target);
    }

private:
    [[nodiscard]] std::string target_of(const Source& source) const {
        if (destination_.parents) return below(destination_.path, source.kept);
        const std::string name = base_name(source.wanted);
        if (several_ || destination_.path.ends_with('/') || is_folder(root_, destination_.path))
            return below(destination_.path, name);
        return destination_.path;
    }

    Result<> make(const std::string& folder) {
        TRY(make_folders(root_, folder, destination_.owner.value_or(Owner{})));
        return {};
    }

    Result<bool> unpack(const Source& source) {
        const os::Fd file = TRY(os::open_in_root(source.tree->root.get(), source.path, O_RDONLY | O_NONBLOCK));
        return destination_.unpack(file.get(), root_, destination_.path);
    }

    int root_;
    const Destination& destination_;
    bool several_;
};

}  // namespace

Result<bool> make_folders(int root, const std::string& path, const Owner& owner) {
    return make_folders_below(root, path, owner, 0);
}

Result<> copy_sources(const std::vector<Source>& sources, int root, const Destination& destination) {
    Copying copying(root, destination, sources.size() > 1);
    for (const Source& source : sources) TRY_CONTEXT(copying.add(source), "copy '/{}'", source.wanted);
    return {};
}

}  // namespace gantry::build
