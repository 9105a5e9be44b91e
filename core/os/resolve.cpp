#include "os/resolve.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <climits>

namespace gantry::os {

namespace {

Result<std::string> kernel_name(const Fd& fd, const std::string& path) {
    char text[PATH_MAX];
    const ssize_t length = readlink(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), text, sizeof text);
    if (length < 0) return errno_error("resolve '{}'", path);
    return std::string(text, static_cast<std::size_t>(length));
}

}  // namespace

Result<std::string> resolve_in_root(int root, const std::string& path) {
    const Fd fd = TRY(open_in_root(root, path.empty() ? "." : path, O_PATH));
    const Fd top = TRY(open_in_root(root, ".", O_PATH));
    // The kernel's own names of both; what is behind root's is the path inside it.
    const std::string full = TRY(kernel_name(fd, path)), base = TRY(kernel_name(top, path));
    const std::string prefix = base == "/" ? "" : base;
    if (!full.starts_with(prefix)) return error(Errc::io, "resolve '{}': it moved away", path);
    const std::string inside = full.substr(prefix.size());
    return inside.empty() ? "/" : inside;
}

}  // namespace gantry::os
