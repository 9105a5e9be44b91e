#include "skeleton.hpp"

#include "base/hash.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::overlayfs {

namespace {

// Of the list: another list is another layer.
std::string name_of(const std::vector<driver::MountPoint>& points) {
    std::uint64_t hash = fnv1a_start;
    for (const auto& point : points) hash = fnv1a(point.path + (point.directory ? "/\n" : "\n"), hash);
    return fmt::format("{:016x}", hash);
}

Result<> fill(const std::string& layer, const std::vector<driver::MountPoint>& points) {
    for (const auto& [path, directory] : points) {
        if (!path.starts_with('/') || path.ends_with('/') || path.find("..") != std::string::npos)
            return error(Errc::invalid, "mount point '{}' is not a plain absolute path", path);
        TRY(os::make_dirs(layer + (directory ? path : path.substr(0, path.rfind('/'))), 0755));
        if (!directory) TRY(os::open(layer + path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    }
    return {};
}

}  // namespace

Result<std::string> skeleton(const std::string& folder, const std::vector<driver::MountPoint>& points) {
    const std::string layer = folder + "/skeleton/" + name_of(points);
    if (os::path_exists(layer)) return layer;
    const std::string staging = fmt::format("{}/skeleton/.new-{}-{}", folder, name_of(points), getpid());
    TRY(os::make_dirs(staging, 0755));
    auto made = fill(staging, points);
    if (made.ok()) made = os::rename(staging, layer, false);
    if (made.ok()) return layer;
    (void)os::remove_tree(staging).ok();
    if (made.error().sys() == EEXIST) return layer;  // another start was faster
    return std::move(made).error();
}

}  // namespace gantry::overlayfs
