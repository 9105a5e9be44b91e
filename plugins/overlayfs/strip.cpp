#include "strip.hpp"

#include "changes.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <climits>
#include <cstring>

namespace gantry::overlayfs {

namespace {

constexpr std::string_view own_prefix = "trusted.overlay.";  // also what an overlay in the container wrote (escaped)

// Is it a folder's mark that the layers below must hear of?
bool stays(const std::string& path, const char* name) {
    char value = 0;
    return std::string_view(name) == "trusted.overlay.opaque" && lgetxattr(path.c_str(), name, &value, 1) == 1 && value == 'y';
}

Result<> strip_object(const std::string& path, const std::string& shown) {
    char names[XATTR_LIST_MAX];
    const ssize_t length = llistxattr(path.c_str(), names, sizeof names);
    if (length < 0) return errno_error("list the attributes of '{}'", shown);
    for (const char* name = names; name < names + length; name += std::strlen(name) + 1) {
        if (!std::string_view(name).starts_with(own_prefix) || stays(path, name)) continue;
        if (lremovexattr(path.c_str(), name) != 0) return errno_error("remove '{}' of '{}'", name, shown);
    }
    return {};
}

Result<> strip_children(int folder, const std::string& shown, int depth) {
    if (depth > max_depth)
        return error(Errc::unsupported, "'{}...' is nested deeper than {} folders", shown.substr(0, 64), max_depth);
    const std::string here = fmt::format("/proc/self/fd/{}/", folder);
    for (const std::string& name : TRY(os::list_dir(here))) {
        TRY(strip_object(here + name, shown + "/" + name));
        struct stat info {};
        if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}/{}'", shown, name);
        if (!S_ISDIR(info.st_mode)) continue;
        const os::Fd below = TRY(os::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        TRY(strip_children(below.get(), shown + "/" + name, depth + 1));
    }
    return {};
}

}  // namespace

Result<> strip(const std::string& upper) {
    const os::Fd folder = TRY(os::open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(strip_object(upper, "/"));
    return strip_children(folder.get(), "", 0);
}

}  // namespace gantry::overlayfs
