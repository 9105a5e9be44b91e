#include "launch/mounts.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::launch {

namespace {

struct Node {
    const char* name;
    unsigned major, minor;
};
constexpr std::array<Node, 6> nodes{
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};

Result<> make_node(int dev, const std::string& name, mode_t mode, dev_t number, uid_t uid = 0, gid_t gid = 0) {
    if (mknodat(dev, name.c_str(), mode, number) != 0) return errno_error("make device '{}'", name);
    if ((uid != 0 || gid != 0) && fchownat(dev, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return errno_error("change owner of device '{}'", name);
    return {};
}

Result<> bind_node(int root, const std::string& path, int mount) {
    const os::Fd target = TRY(mount_point(root, path, false));
    return os::attach_mount(mount, target.get(), "", path);
}

// A device of the host's, or all devices of one of its folders (docker run --device /dev/snd).
Result<> add_device(const Plan& plan, const Sources& sources, int root, const std::string& host, const std::string& path,
                    int depth) {
    struct stat info {};
    if (stat(host.c_str(), &info) != 0) return errno_error("device '{}'", host);
    if (S_ISDIR(info.st_mode)) {
        if (depth > 8) return {};
        for (const std::string& name : TRY(os::list_dir(host)))
            TRY(add_device(plan, sources, root, host + "/" + name, path + "/" + name, depth + 1));
        return {};
    }
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) {
        if (depth > 0) return {};
        return error(Errc::invalid, "device '{}' is not a device", host);
    }
    // In a user namespace of its own it sees the host's node itself, whose owner and mode hold: it is nobody there.
    if (!plan.ids.empty()) {
        const auto bound = sources.nodes.find(host);
        if (bound == sources.nodes.end()) return error(Errc::unavailable, "device '{}' has only just appeared", host);
        return bind_node(root, path, bound->second.get());
    }
    const auto slash = path.rfind('/');
    const os::Fd folder = TRY(os::make_dirs_in_root(root, path.substr(0, slash)));
    const std::string name = path.substr(slash + 1);
    if (unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT) return errno_error("replace '{}'", path);
    return make_node(folder.get(), name, info.st_mode, info.st_rdev, info.st_uid, info.st_gid);
}

// --privileged: every device of the host, but what the container has of its own.
Result<> add_all_devices(const Plan& plan, const Sources& sources, int root) {
    static const std::set<std::string> own{"pts",     "shm",  "mqueue", "fd",      "stdin",    "stdout", "stderr",
                                           "console", "ptmx", "core",   "null",    "zero",     "full",   "random",
                                           "urandom", "tty",  "log",    "initctl", "hugepages"};
    for (const std::string& name : TRY(os::list_dir("/dev"))) {
        if (own.contains(name)) continue;
        struct stat info {};
        if (lstat(("/dev/" + name).c_str(), &info) != 0 || S_ISLNK(info.st_mode) || S_ISREG(info.st_mode) ||
            S_ISSOCK(info.st_mode))
            continue;
        if (S_ISFIFO(info.st_mode)) continue;
        TRY(add_device(plan, sources, root, "/dev/" + name, "/dev/" + name, 0));
    }
    return {};
}

}  // namespace

Result<> make_devices(const Plan& plan, Sources& sources, int root) {
    const os::Fd dev = TRY(os::open_in_root(root, "/dev", O_RDONLY | O_DIRECTORY));
    for (const Node& node : nodes) {
        if (const auto bound = sources.nodes.find(fmt::format("/dev/{}", node.name)); bound != sources.nodes.end())
            TRY(bind_node(root, fmt::format("/dev/{}", node.name), bound->second.get()));
        else
            TRY(make_node(dev.get(), node.name, S_IFCHR | 0666, makedev(node.major, node.minor)));
    }
    constexpr std::array<std::pair<const char*, const char*>, 6> links{{{"/proc/self/fd", "fd"},
                                                                        {"/proc/self/fd/0", "stdin"},
                                                                        {"/proc/self/fd/1", "stdout"},
                                                                        {"/proc/self/fd/2", "stderr"},
                                                                        {"pts/ptmx", "ptmx"},
                                                                        {"/proc/kcore", "core"}}};
    for (const auto& [target, name] : links)
        if (symlinkat(target, dev.get(), name) != 0) return errno_error("make link '/dev/{}'", name);
    if (plan.definition.security.privileged && plan.ids.empty()) TRY(add_all_devices(plan, sources, root));
    for (const config::Device& device : plan.definition.devices)
        TRY(add_device(plan, sources, root, device.host, device.container.empty() ? device.host : device.container, 0));
    return {};
}

}  // namespace gantry::launch
