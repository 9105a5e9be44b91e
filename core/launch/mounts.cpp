#include "launch/mounts.hpp"

#include "container/volume_store.hpp"
#include "launch/files.hpp"
#include "os/copy_tree.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

namespace gantry::launch {

namespace {

using os::Fd;

constexpr unsigned quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Result<Fd> folder_in(int root, const std::string& path) {
    return os::make_dirs_in_root(root, path).context(fmt::format("mount point '{}'", path));
}

using Settings = std::vector<std::pair<std::string, std::string>>;

Result<> mount_new(int root, const std::string& path, const std::string& type, const Settings& settings, unsigned attributes) {
    auto file_system = TRY(os::FsContext::open(type));
    for (const auto& [key, value] : settings)
        TRY_CONTEXT(value.empty() ? file_system.set_flag(key) : file_system.set(key, value), "mount '{}'", path);
    const Fd mount = TRY_CONTEXT(file_system.mount(attributes), "mount '{}'", path);
    return os::attach_mount(mount.get(), TRY(folder_in(root, path)).get(), "", path);
}

Result<> bind_on(int source, const std::string& source_path, int target, const std::string& shown, std::uint64_t attributes, bool recursive) {
    const Fd tree = TRY(os::clone_mount(source, source_path, recursive));
    if (attributes) TRY(os::change_mount(tree.get(), "", {.set = attributes}, recursive, shown));
    return os::attach_mount(tree.get(), target, "", shown);
}

Result<> bind_folder(int root, const std::string& source, const std::string& target, std::uint64_t attributes, bool recursive) {
    const Fd place = TRY(folder_in(root, target));
    return bind_on(AT_FDCWD, source, place.get(), "/" + target, attributes, recursive);
}

bool privileged(const Plan& plan) { return plan.definition.security.privileged; }
bool own(const config::NamespaceMode& mode) { return mode.kind == config::NamespaceMode::Kind::private_; }

// ---- /dev ---------------------------------------------------------------------------------------------------------------

struct Node {
    const char* name;
    unsigned major, minor;
};
constexpr Node nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

Result<> make_node(int folder, const std::string& name, mode_t mode, dev_t device) {
    if (mknodat(folder, name.c_str(), mode, device) != 0) return errno_error("make device '/dev/{}'", name);
    // mknod(2) applies the umask.
    if (fchmodat(folder, name.c_str(), mode & 07777, 0) != 0) return errno_error("chmod '/dev/{}'", name);
    return {};
}

Result<> mount_dev(const Plan& plan, int root) {
    TRY(mount_new(root, "dev", "tmpfs", {{"mode", "755"}, {"size", "65536k"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME));
    const Fd dev = TRY(os::open_in_root(root, "dev", O_PATH | O_DIRECTORY));
    for (const auto& node : nodes) TRY(make_node(dev.get(), node.name, S_IFCHR | 0666, makedev(node.major, node.minor)));
    constexpr std::pair<const char*, const char*> links[] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
        {"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"}};
    for (const auto& [target, name] : links)
        if (symlinkat(target, dev.get(), name) != 0) return errno_error("link '/dev/{}'", name);
    // gid 5 is tty's in Debian as in Docker's default.
    TRY(mount_new(root, "dev/pts", "devpts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    const Fd shm = TRY(folder_in(root, "dev/shm"));
    const Fd mqueue = TRY(folder_in(root, "dev/mqueue"));
    if (plan.definition.ipc.kind == config::NamespaceMode::Kind::host) {
        TRY(bind_on(AT_FDCWD, "/dev/shm", shm.get(), "/dev/shm", 0, false));
        return bind_on(AT_FDCWD, "/dev/mqueue", mqueue.get(), "/dev/mqueue", 0, false);
    }
    TRY(mount_new(root, "dev/shm", "tmpfs", {{"mode", "1777"}, {"size", std::to_string(plan.definition.limits.shm_size)}}, quiet));
    return mount_new(root, "dev/mqueue", "mqueue", {}, quiet);
}

Result<> add_devices(const Plan& plan, int root) {
    const Fd dev = TRY(os::open_in_root(root, "dev", O_PATH | O_DIRECTORY));
    for (const auto& device : plan.definition.devices) {
        struct stat info{};
        if (stat(device.host.c_str(), &info) != 0) return errno_error("device '{}'", device.host);
        if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) return error(Errc::invalid, "device '{}' is not a device node", device.host);
        const std::filesystem::path target(device.container.empty() ? device.host : device.container);
        const Fd parent = TRY(folder_in(root, target.parent_path().string()));
        const std::string name = target.filename().string();
        if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT) return errno_error("device '{}'", target.string());
        if (mknodat(parent.get(), name.c_str(), info.st_mode, info.st_rdev) != 0 ||
            fchownat(parent.get(), name.c_str(), info.st_uid, info.st_gid, 0) != 0 ||
            fchmodat(parent.get(), name.c_str(), info.st_mode & 07777, 0) != 0)
            return errno_error("make device '{}'", target.string());
    }
    if (!privileged(plan)) return {};
    // Every node of the host's /dev, as --privileged has it; folders (pts, shm, mapper) are not descended into.
    for (const auto& name : TRY(os::list_dir("/dev"))) {
        struct stat info{};
        if (lstat(("/dev/" + name).c_str(), &info) != 0 || !(S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) || name == "ptmx" || name == "console")
            continue;
        if (mknodat(dev.get(), name.c_str(), info.st_mode, info.st_rdev) != 0 && errno != EEXIST) return errno_error("make device '/dev/{}'", name);
    }
    return {};
}

// ---- what the definition mounts -----------------------------------------------------------------------------------------

// The target of a bind: a folder for a folder, an empty file for anything else; made where it is missing.
Result<Fd> target_in(int root, const std::string& path, bool folder) {
    if (folder) return folder_in(root, path);
    if (auto there = os::open_in_root(root, path, O_PATH); there.ok() || there.error().sys() != ENOENT) return there;
    const std::filesystem::path split(path);
    const Fd parent = TRY(folder_in(root, split.parent_path().string()));
    TRY_CONTEXT(os::open_at(parent.get(), split.filename().string(), O_WRONLY | O_CREAT | O_NOFOLLOW, 0644), "mount point '{}'", path);
    return os::open_in_root(root, path, O_PATH);
}

std::uint64_t propagation_flag(const std::string& text) {
    if (text.ends_with("shared")) return MS_SHARED;
    if (text.ends_with("slave")) return MS_SLAVE;
    return MS_PRIVATE;
}

// A volume that is still empty starts with what the image has at its target.
Result<> fill_volume(int root, const config::Mount& mount, int tree) {
    const auto source = os::open_in_root(root, mount.target, O_RDONLY | O_DIRECTORY);
    if (!source.ok()) return {};
    const std::string volume = fmt::format("/proc/self/fd/{}", tree);
    if (!TRY(os::list_dir(volume)).empty()) return {};
    const Fd target = TRY(os::open(volume, O_RDONLY | O_DIRECTORY));
    struct stat info{};
    if (fstat(source->get(), &info) != 0 || fchown(target.get(), info.st_uid, info.st_gid) != 0 || fchmod(target.get(), info.st_mode & 07777) != 0)
        return errno_error("prepare volume '{}'", mount.source);
    return os::copy_into(source->get(), ".", target.get(), ".", {}, mount.target).context(fmt::format("fill volume '{}'", mount.source));
}

Result<> mount_tmpfs(const config::Mount& mount, int root) {
    Settings settings{{"mode", fmt::format("{:o}", mount.mode)}};
    if (mount.size) settings.emplace_back("size", std::to_string(mount.size));
    unsigned attributes = mount.read_only ? MOUNT_ATTR_RDONLY : 0;
    for (const auto& option : mount.options) {
        if (option == "noexec") attributes |= MOUNT_ATTR_NOEXEC;
        else if (option == "nosuid") attributes |= MOUNT_ATTR_NOSUID;
        else if (option == "nodev") attributes |= MOUNT_ATTR_NODEV;
        else if (option == "exec") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NOEXEC);
        else if (option == "suid") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NOSUID);
        else if (option == "dev") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NODEV);
        else {
            const auto equals = option.find('=');
            settings.emplace_back(option.substr(0, equals), equals == std::string::npos ? "" : option.substr(equals + 1));
        }
    }
    return mount_new(root, mount.target, "tmpfs", settings, attributes);
}

// ---- what is hidden -----------------------------------------------------------------------------------------------------

// Docker's lists (moby oci/defaults.go).
constexpr const char* masked[] = {"/proc/asound",       "/proc/acpi",       "/proc/interrupts",  "/proc/kcore",
                                  "/proc/keys",         "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                  "/proc/sched_debug",  "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
constexpr const char* read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

Result<> mask(int root, const std::string& path) {
    const auto target = os::open_in_root(root, path, O_PATH);
    if (!target.ok()) return target.error().sys() == ENOENT ? Result<>() : target.error();
    struct stat info{};
    if (fstat(target->get(), &info) != 0) return errno_error("stat '{}'", path);
    if (!S_ISDIR(info.st_mode)) {
        const Fd null = TRY(os::open_in_root(root, "dev/null", O_PATH));
        return bind_on(null.get(), "", target->get(), path, 0, false);
    }
    auto empty = TRY(os::FsContext::open("tmpfs"));
    TRY(empty.set("size", "0"));
    const Fd mount = TRY(empty.mount(MOUNT_ATTR_RDONLY));
    return os::attach_mount(mount.get(), target->get(), "", path);
}

Result<> make_read_only(int root, const std::string& path) {
    const auto target = os::open_in_root(root, path, O_PATH);
    if (!target.ok()) return target.error().sys() == ENOENT ? Result<>() : target.error();
    return bind_on(target->get(), "", target->get(), path, MOUNT_ATTR_RDONLY, true);
}

}  // namespace

Result<std::vector<OpenedMount>> open_mount_sources(const Plan& plan) {
    std::vector<OpenedMount> opened;
    for (const auto& mount : plan.mounts) {
        OpenedMount entry{&mount, Fd(), true};
        if (mount.type != config::MountType::tmpfs) {
            std::string source = mount.source;
            if (mount.type == config::MountType::volume) {
                container::VolumeInfo wanted;
                wanted.name = mount.source;
                if (mount.source == container::anonymous_volume_name(plan.id, mount.target)) {
                    wanted.anonymous = true;
                    wanted.owner = plan.id;
                }
                source = TRY(container::ensure_volume(plan.paths, wanted)).path;
            } else if (mount.create_source && !os::path_exists(source)) {
                TRY(os::make_dirs(source));
            }
            struct stat info{};
            if (stat(source.c_str(), &info) != 0) return errno_error("mount '{}' on '{}'", source, mount.target);
            entry.folder = S_ISDIR(info.st_mode);
            entry.tree = TRY_CONTEXT(os::clone_mount(AT_FDCWD, source, mount.recursive), "mount '{}' on '{}'", source, mount.target);
        }
        opened.push_back(std::move(entry));
    }
    return opened;
}

Result<> mount_system(const Plan& plan, int root) {
    const auto& definition = plan.definition;
    if (definition.pid.kind == config::NamespaceMode::Kind::host)
        TRY(bind_folder(root, "/proc", "proc", 0, true));
    else
        TRY(mount_new(root, "proc", "proc", {}, quiet));
    TRY(mount_dev(plan, root));
    TRY(add_devices(plan, root));
    // sysfs belongs to a network namespace: it shows the container's own interfaces.
    TRY(mount_new(root, "sys", "sysfs", {}, quiet | (privileged(plan) ? 0U : MOUNT_ATTR_RDONLY)));
    const bool writable = privileged(plan) || plan.machine;  // an init system makes groups of its own below the container's
    TRY(mount_new(root, "sys/fs/cgroup", "cgroup2", {}, quiet | (writable ? 0U : MOUNT_ATTR_RDONLY)));
    if (plan.machine) {
        TRY(mount_new(root, "run", "tmpfs", {{"mode", "755"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
        TRY(mount_new(root, "run/lock", "tmpfs", {{"mode", "1777"}, {"size", "5m"}}, quiet));
        TRY(mount_new(root, "tmp", "tmpfs", {{"mode", "1777"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    }
    return {};
}

Result<Console> make_console(int root) {
    Console console;
    console.master = TRY(os::open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY));
    int unlocked = 0, number = 0;
    if (ioctl(console.master.get(), TIOCSPTLCK, &unlocked) != 0 || ioctl(console.master.get(), TIOCGPTN, &number) != 0)
        return errno_error("make a terminal");
    console.slave = TRY(os::open_in_root(root, fmt::format("dev/pts/{}", number), O_RDWR | O_NOCTTY));
    const Fd dev = TRY(os::open_in_root(root, "dev", O_PATH | O_DIRECTORY));
    TRY(os::open_at(dev.get(), "console", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
    const Fd target = TRY(os::open_in_root(root, "dev/console", O_PATH));
    TRY(bind_on(console.slave.get(), "", target.get(), "/dev/console", 0, false));
    return console;
}

Result<> mount_name_files(const Plan& plan, int root) {
    for (const char* file : {"hosts", "hostname", "resolv.conf"}) {
        const std::string target = std::string("/etc/") + file;
        // A mount of the definition's own on it wins.
        if (std::ranges::any_of(plan.mounts, [&](const auto& mount) { return mount.target == target; })) continue;
        const Fd place = TRY(target_in(root, target, false));
        TRY(bind_on(AT_FDCWD, name_file(plan, file), place.get(), target, 0, false));
    }
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"))
        TRY(bind_folder(root, folder, "run/credentials", MOUNT_ATTR_RDONLY, false));
    return {};
}

Result<> mount_definition(const Plan&, int root, std::vector<OpenedMount>& sources) {
    for (auto& [mount, tree, folder] : sources) {
        if (mount->type == config::MountType::tmpfs) {
            TRY_CONTEXT(mount_tmpfs(*mount, root), "mount tmpfs on '{}'", mount->target);
            continue;
        }
        if (mount->type == config::MountType::volume && mount->copy && folder) TRY(fill_volume(root, *mount, tree.get()));
        const bool recursive = mount->recursive;
        TRY(os::change_mount(tree.get(), "",
                             {.set = mount->read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0, .propagation = propagation_flag(mount->propagation)},
                             recursive, mount->source));
        const Fd target = TRY(target_in(root, mount->target, folder));
        TRY(os::attach_mount(tree.get(), target.get(), "", mount->target));
        tree.reset();
    }
    return {};
}

Result<> hide_paths(const Plan& plan, int root) {
    const auto& security = plan.definition.security;
    if (!security.privileged && !security.unmask_all && own(plan.definition.pid)) {
        for (const char* path : read_only) {
            if (plan.machine && std::string_view(path) == "/proc/sys") continue;  // an init system sets what its namespaces allow
            TRY(make_read_only(root, path));
        }
        for (const char* path : masked) TRY(mask(root, path));
    }
    for (const auto& path : security.readonly_paths) TRY(make_read_only(root, path));
    for (const auto& path : security.masked_paths) TRY(mask(root, path));
    if (plan.definition.read_only) TRY(os::change_mount(root, "", {.set = MOUNT_ATTR_RDONLY}, false, "/"));
    return {};
}

}  // namespace gantry::launch
