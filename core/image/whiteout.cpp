// Deletions in a layer (image-spec layer.md, "Whiteouts"). They concern the layers below only: what this layer has itself
// stays, whichever comes first in the archive.
#include "image/unpack.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

void Unpacker::note_made(std::string_view path) {
    if (format_ == driver::LayerFormat::applied) made_.emplace(path);
}

bool Unpacker::made_here(const std::string& path) const {
    if (made_.contains(path)) return true;
    const auto below = made_.lower_bound(path + "/");
    return below != made_.end() && below->starts_with(path + "/");
}

Result<> Unpacker::mark_opaque(int folder, const std::string& path) {
    if (fsetxattr(folder, "trusted.overlay.opaque", "y", 1, 0) != 0) return errno_error("mark '{}' opaque", path);
    return {};
}

Result<> Unpacker::whiteout(const Place& place, const std::string& hidden) {
    if (hidden.empty() || hidden == "." || hidden == "..") return error(Errc::invalid, "whiteout of '{}'", hidden);
    const std::string parent(parent_path(place.path));
    const std::string path = parent.empty() ? hidden : parent + "/" + hidden;
    if (format_ == driver::LayerFormat::applied) return remove_from_below(place.parent, hidden, path);

    if (mknodat(place.parent, hidden.c_str(), S_IFCHR, 0) == 0) return {};
    if (errno != EEXIST) return errno_error("make whiteout '{}'", path);
    struct stat info {};
    if (fstatat(place.parent, hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}'", path);
    if (!S_ISDIR(info.st_mode)) return {};  // this layer's own file hides the lower one by itself
    os::Fd folder = TRY(os::open_at(place.parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return mark_opaque(folder.get(), path);
}

Result<> Unpacker::opaque(const Place& place) {
    const std::string path(parent_path(place.path));
    if (format_ == driver::LayerFormat::overlay) {
        // The cached descriptor may be O_PATH only.
        os::Fd folder = TRY(os::open_at(place.parent, ".", O_RDONLY | O_DIRECTORY));
        return mark_opaque(folder.get(), path);
    }
    return UnpackTree::each_child(place.parent, ".", [&](const std::string& child) {
        return remove_from_below(place.parent, child, path.empty() ? child : path + "/" + child);
    });
}

// `applied`: removes what the layers below have at path and keeps what this one has.
Result<> Unpacker::remove_from_below(int parent, const std::string& name, const std::string& path) {
    if (!made_here(path)) return tree_.remove(parent, name, path);
    struct stat info {};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return errno_error("stat '{}'", path);
    }
    if (!S_ISDIR(info.st_mode)) return {};
    os::Fd folder = TRY(os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return UnpackTree::each_child(folder.get(), ".", [&](const std::string& child) {
        return remove_from_below(folder.get(), child, path + "/" + child);
    });
}

}  // namespace gantry::image
