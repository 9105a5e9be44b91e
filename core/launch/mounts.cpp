#include "launch/mounts.hpp"

#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace gantry::launch {

namespace {

constexpr unsigned no_exec = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Result<> attach(int mount, int root, const std::string& path, bool directory) {
    const os::Fd target = TRY_CONTEXT(mount_point(root, path, directory), "mount on '{}'", path);
    return os::attach_mount(mount, target.get(), "", path);
}

Result<> mount_new(const char* type, unsigned attributes, int root, const std::string& path) {
    os::FsContext context = TRY(os::FsContext::open(type));
    const os::Fd made = TRY(context.mount(attributes));
    return attach(made.get(), root, path, true);
}

Result<> mount_sysfs(const Plan& plan, Sources& sources, int root) {
    // Docker's privileged containers may write to /sys.
    const unsigned read_only = plan.definition.security.privileged ? 0U : MOUNT_ATTR_RDONLY;
    if (sources.sys) {
        TRY(os::change_mount(sources.sys.get(), "", {.set = MOUNT_ATTR_RDONLY | no_exec}, false, "/sys"));
        return attach(sources.sys.get(), root, "/sys", true);
    }
    return mount_new("sysfs", no_exec | read_only, root, "/sys");
}

Result<> mount_cgroup(const Plan& plan, Sources& sources, int root) {
    const bool writable = plan.definition.security.privileged || (plan.machine && plan.own_cgroup);
    const unsigned attributes = no_exec | (writable ? 0U : MOUNT_ATTR_RDONLY);
    if (sources.cgroup) {
        TRY(os::change_mount(sources.cgroup.get(), "", {.set = attributes}, false, "/sys/fs/cgroup"));
        return attach(sources.cgroup.get(), root, "/sys/fs/cgroup", true);
    }
    return mount_new("cgroup2", attributes, root, "/sys/fs/cgroup");
}

}  // namespace

Result<os::Fd> mount_point(int root, const std::string& path, bool directory) {
    if (directory) return os::make_dirs_in_root(root, path);
    if (auto there = os::open_in_root(root, path, O_PATH); there.ok() || there.error().sys() != ENOENT) return there;
    const auto slash = path.rfind('/');
    const os::Fd parent = TRY(os::make_dirs_in_root(root, slash == std::string::npos ? "." : path.substr(0, slash)));
    TRY(os::open_at(parent.get(), path.substr(slash + 1), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    return os::open_in_root(root, path, O_PATH);
}

Result<> mount_tmpfs(int root, const std::string& path, unsigned attributes,
                     const std::vector<std::pair<std::string, std::string>>& options) {
    os::FsContext context = TRY(os::FsContext::open("tmpfs"));
    for (const auto& [key, value] : options)
        TRY_CONTEXT(value.empty() ? context.set_flag(key) : context.set(key, value), "mount on '{}'", path);
    const os::Fd made = TRY(context.mount(attributes));
    return attach(made.get(), root, path, true);
}

Result<> mount_definition_tmpfs(const config::Mount& mount, int root) {
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;  // docker run --tmpfs
    std::vector<std::pair<std::string, std::string>> options{{"mode", fmt::format("{:o}", mount.mode)}};
    if (mount.size != 0) options.emplace_back("size", std::to_string(mount.size));
    const std::map<std::string_view, std::pair<unsigned, bool>> flags{
        {"exec", {MOUNT_ATTR_NOEXEC, false}},  {"noexec", {MOUNT_ATTR_NOEXEC, true}}, {"suid", {MOUNT_ATTR_NOSUID, false}},
        {"nosuid", {MOUNT_ATTR_NOSUID, true}}, {"dev", {MOUNT_ATTR_NODEV, false}},    {"nodev", {MOUNT_ATTR_NODEV, true}},
        {"ro", {MOUNT_ATTR_RDONLY, true}},     {"rw", {MOUNT_ATTR_RDONLY, false}}};
    for (const std::string& option : mount.options) {
        if (const auto flag = flags.find(option); flag != flags.end()) {
            attributes = flag->second.second ? attributes | flag->second.first : attributes & ~flag->second.first;
        } else if (option != "tmpcopyup" && option != "notmpcopyup") {
            const auto equals = option.find('=');
            options.emplace_back(option.substr(0, equals), equals == std::string::npos ? "" : option.substr(equals + 1));
        }
    }
    if (mount.read_only) attributes |= MOUNT_ATTR_RDONLY;
    if (std::ranges::find(mount.options, "tmpcopyup") == mount.options.end())
        return mount_tmpfs(root, mount.target, attributes, options);
    auto below = os::open_in_root(root, mount.target, O_RDONLY | O_DIRECTORY);
    TRY(mount_tmpfs(root, mount.target, attributes & ~unsigned{MOUNT_ATTR_RDONLY}, options));
    const os::Fd on_top = TRY(os::open_in_root(root, mount.target, O_RDONLY | O_DIRECTORY));
    if (below.ok())
        TRY_CONTEXT(copy_folder(below->get(), on_top.get(), mount.target), "copy the image's files to '{}'", mount.target);
    if (attributes & MOUNT_ATTR_RDONLY)
        TRY(os::change_mount(on_top.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, mount.target));
    return {};
}

Result<os::Fd> mount_kernel_file_systems(const Plan& plan, Sources& sources, int root) {
    os::FsContext context = TRY(os::FsContext::open("proc"));
    const os::Fd proc = TRY(context.mount(no_exec));
    os::Fd sysctls = TRY(os::open_at(proc.get(), "sys", O_RDONLY | O_DIRECTORY));
    TRY(attach(proc.get(), root, "/proc", true));
    // moby oci/defaults.go: types, flags and sizes of the default mounts.
    TRY(mount_tmpfs(root, "/dev", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, {{"mode", "755"}, {"size", "65536k"}}));
    os::FsContext terminals = TRY(os::FsContext::open("devpts"));
    TRY(terminals.set("ptmxmode", "0666"));
    TRY(terminals.set("mode", "0620"));
    TRY(terminals.set("gid", "5"));
    const os::Fd pts = TRY(terminals.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    TRY(attach(pts.get(), root, "/dev/pts", true));
    TRY(mount_sysfs(plan, sources, root));
    TRY(mount_cgroup(plan, sources, root));
    if (sources.mqueue)
        TRY(attach(sources.mqueue.get(), root, "/dev/mqueue", true));
    else
        TRY(mount_new("mqueue", no_exec, root, "/dev/mqueue"));
    if (sources.shm)
        TRY(attach(sources.shm.get(), root, "/dev/shm", true));
    else
        TRY(mount_tmpfs(root, "/dev/shm", no_exec,
                        {{"mode", "1777"}, {"size", std::to_string(plan.definition.limits.shm_size)}}));
    if (plan.machine) TRY(mount_machine_folders(plan, sources, root));
    return sysctls;
}

namespace {

// A part of a tree of layers. The tree is attached where only this mount namespace, and nothing of it after the root is
// entered, sees it: a part of a detached mount cannot be cloned (open_tree(2) before kernel 6.15).
Result<> mount_part(const Plan& plan, int tree, const config::Mount& mount, int root) {
    TRY(os::attach_mount(tree, AT_FDCWD, plan.paths.run + "/build"));
    const os::Fd part = TRY_CONTEXT(os::open_in_root(tree, mount.source, O_PATH), "mount on '{}'", mount.target);
    struct stat info {};
    if (fstat(part.get(), &info) != 0) return errno_error("stat '{}'", mount.source);
    const os::Fd copy = TRY(os::clone_mount(part.get(), "", false));
    if (mount.read_only) TRY(os::change_mount(copy.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, mount.target));
    return attach(copy.get(), root, mount.target, S_ISDIR(info.st_mode));
}

}  // namespace

Result<> mount_user_mounts(const Plan& plan, Sources& sources, int root) {
    const auto& mounts = plan.definition.mounts;
    const auto depth = [](const std::string& path) { return std::ranges::count(path, '/'); };
    // Ours go on top of a volume on their folder, and below what the definition has at their own place or further down.
    auto file = sources.files.begin();
    const auto attach_files = [&](std::ptrdiff_t below) -> Result<> {
        for (; file != sources.files.end() && depth(file->first) <= below; ++file)
            if (std::ranges::find(mounts, file->first, &config::Mount::target) == mounts.end())
                TRY(attach(file->second.mount.get(), root, file->first, file->second.directory));
        return {};
    };
    for (const config::Mount& mount : mounts) {
        TRY(attach_files(depth(mount.target) - 1));
        if (mount.type == config::MountType::tmpfs) {
            TRY_CONTEXT(mount_definition_tmpfs(mount, root), "tmpfs");
            continue;
        }
        if (const auto tree = sources.trees.find(mount.target); tree != sources.trees.end()) {
            TRY(mount_part(plan, tree->second.get(), mount, root));
            continue;
        }
        const Source& source = sources.mounts.at(mount.target);
        TRY(attach(source.mount.get(), root, mount.target, source.directory));
    }
    return attach_files(PTRDIFF_MAX);
}

Result<> mount_credentials(const Plan& plan, int root) {
    if (plan.credentials.empty()) return {};
    const sandbox::Identity& who = plan.privileges.who;
    TRY(mount_tmpfs(root, "/run/credentials", no_exec,
                    {{"mode", "0500"}, {"size", "2m"}, {"uid", std::to_string(who.uid)}, {"gid", std::to_string(who.gid)}}));
    const os::Fd folder = TRY(os::open_in_root(root, "/run/credentials", O_RDONLY | O_DIRECTORY));
    for (const auto& [name, value] : plan.credentials) {
        const os::Fd file = TRY(os::open_at(folder.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0400));
        TRY(os::write_all(file.get(), value, name));
        if (fchown(file.get(), who.uid, who.gid) != 0) return errno_error("credential '{}'", name);
    }
    return os::change_mount(folder.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, "/run/credentials");
}

}  // namespace gantry::launch
