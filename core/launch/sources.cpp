#include "launch/sources.hpp"

#include "container/volume_store.hpp"
#include "launch/join.hpp"
#include "os/copy_tree.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/userns.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace gantry::launch {

namespace {

std::uint64_t propagation_of(std::string_view text) {
    if (text.ends_with("shared")) return MS_SHARED;
    if (text.ends_with("slave")) return MS_SLAVE;
    return MS_PRIVATE;
}

// A clone is a peer of the host's mount until its propagation is changed: what is mounted on it inside would appear on the
// host.
Result<Source> clone_source(const std::string& path, bool recursive, std::uint64_t propagation = MS_PRIVATE) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno_error("'{}'", path);
    Source source;
    source.directory = S_ISDIR(info.st_mode);
    source.mount = TRY(os::clone_mount(AT_FDCWD, path, recursive && source.directory));
    TRY(os::change_mount(source.mount.get(), "", {.propagation = propagation}, true, path));
    return source;
}

// The optional fields of the mount that path is on: "shared:7 master:3" (proc_pid_mountinfo(5)).
Result<std::string> peers_of(const std::string& path) {
    struct statx info {};
    if (statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &info) != 0) return errno_error("stat '{}'", path);
    const std::string table = TRY(os::read_file("/proc/self/mountinfo"));
    const std::string id = fmt::format("{} ", info.stx_mnt_id);
    for (std::size_t at = 0; at < table.size();) {
        const std::size_t end = std::min(table.find('\n', at), table.size());
        const std::string_view line(table.data() + at, end - at);
        at = end + 1;
        if (line.starts_with(id)) return std::string(line.substr(0, line.find(" - ")));
    }
    return std::string();
}

// Docker's rule: without a peer on the host nothing would ever be propagated, and nobody would say so.
Result<> check_propagation(const config::Mount& mount) {
    const std::uint64_t wanted = propagation_of(mount.propagation);
    if (wanted == MS_PRIVATE) return {};
    const std::string peers = TRY(peers_of(mount.source));
    if (peers.find(" shared:") != std::string::npos) return {};
    if (wanted == MS_SHARED) return error(Errc::invalid, "'{}' is not a shared mount of the host", mount.source);
    if (peers.find(" master:") != std::string::npos) return {};
    return error(Errc::invalid, "'{}' is not a shared or slave mount of the host", mount.source);
}

Result<Source> open_bind(const config::Mount& mount) {
    if (mount.create_source && !os::path_exists(mount.source)) TRY(os::make_dirs(mount.source));
    TRY(check_propagation(mount));
    Source source = TRY(clone_source(mount.source, mount.recursive, propagation_of(mount.propagation)));
    // Docker makes what is mounted below read-only too (since 25, kernel 5.12).
    if (mount.read_only)
        TRY(os::change_mount(source.mount.get(), "", {.set = MOUNT_ATTR_RDONLY}, mount.recursive, mount.source));
    return source;
}

std::vector<os::IdRange> ranges(const std::vector<driver::IdMap>& ids) {
    std::vector<os::IdRange> out;
    for (const driver::IdMap& id : ids) out.push_back({id.container, id.host, id.count});
    return out;
}

Result<> fill_volume(const std::string& folder, int root, const std::string& target) {
    if (!TRY(os::list_dir(folder)).empty()) return {};
    const auto image = os::open_in_root(root, target, O_RDONLY | O_DIRECTORY);
    if (!image.ok()) return {};  // the image has nothing there
    // Copied beside and renamed, so that a crash half-way does not leave half a volume that looks filled.
    const std::string staging = folder + ".new";
    TRY(os::remove_tree(staging));
    TRY(os::make_dirs(staging));
    const os::Fd to = TRY(os::open(staging, O_RDONLY | O_DIRECTORY));
    TRY(copy_folder(image->get(), to.get(), target));
    if (::rename(staging.c_str(), folder.c_str()) != 0) return errno_error("rename '{}'", staging);
    return {};
}

Result<Source> open_volume(const Plan& plan, const config::Mount& mount, int root) {
    container::VolumeInfo wanted;
    wanted.name = mount.source;
    wanted.anonymous = mount.source == container::anonymous_volume_name(plan.id, mount.target);
    if (wanted.anonymous) wanted.owner = plan.id;
    const container::VolumeInfo volume = TRY(container::ensure_volume(plan.paths, wanted));
    if (mount.copy) TRY_CONTEXT(fill_volume(volume.path, root, mount.target), "copy the image's files");
    Source source = TRY(clone_source(volume.path, true));
    if (!plan.ids.empty()) {
        const auto ids = ranges(plan.ids);
        const os::Fd user = TRY(os::make_user_namespace(ids, ids));
        TRY(os::change_mount(source.mount.get(), "", {.set = MOUNT_ATTR_IDMAP, .user_namespace = user.get()}, false,
                             mount.source));
    }
    if (mount.read_only) TRY(os::change_mount(source.mount.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, mount.source));
    return source;
}

// A device node, or all of a folder (docker run --device /dev/snd); devices.cpp walks it the same way.
Result<> open_nodes(const std::string& path, Sources& sources, int depth) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno_error("device '{}'", path);
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) sources.nodes[path] = TRY(os::clone_mount(AT_FDCWD, path, false));
    if (S_ISDIR(info.st_mode) && depth <= 8)
        for (const std::string& name : TRY(os::list_dir(path))) TRY(open_nodes(path + "/" + name, sources, depth + 1));
    return {};
}

Result<os::Fd> open_init() {
    os::Fd init = TRY_CONTEXT(os::clone_mount(AT_FDCWD, GANTRY_LIBEXECDIR "/gantry-init", false), "init");
    // It becomes /proc/1/exe inside: nobody in there may open it for writing.
    TRY(os::change_mount(init.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, "gantry-init"));
    return init;
}

}  // namespace

Result<> copy_folder(int from, int to, const std::string& shown) {
    TRY(os::copy_into(from, ".", to, ".", {}, shown));
    struct stat info {};
    if (fstat(from, &info) != 0) return errno_error("stat '{}'", shown);
    if (fchown(to, info.st_uid, info.st_gid) != 0 || fchmod(to, info.st_mode & 07777) != 0)
        return errno_error("change owner and mode of '{}'", shown);
    return {};
}

Result<> open_host_sources(const Plan& plan, Sources& sources) {
    const config::Definition& definition = plan.definition;
    for (const config::Mount& mount : definition.mounts)
        if (mount.type == config::MountType::bind && !plan.trees.contains(mount.target))
            sources.mounts[mount.target] = TRY_CONTEXT(open_bind(mount), "mount '{}' on '{}'", mount.source, mount.target);
    if (!plan.ids.empty())
        for (const char* node : {"null", "zero", "full", "random", "urandom", "tty"})
            TRY(open_nodes(fmt::format("/dev/{}", node), sources, 0));
    if (!plan.ids.empty())
        for (const config::Device& device : definition.devices) TRY(open_nodes(device.host, sources, 0));
    if (!plan.ids.empty() && !plan.own_net) sources.sys = TRY(os::clone_mount(AT_FDCWD, "/sys", true));
    if (!plan.own_cgroup) sources.cgroup = TRY(os::clone_mount(AT_FDCWD, "/sys/fs/cgroup", true));
    if (definition.ipc.kind == config::NamespaceMode::Kind::host) {
        sources.shm = TRY(os::clone_mount(AT_FDCWD, "/dev/shm", false));
        if (os::path_exists("/dev/mqueue")) sources.mqueue = TRY(os::clone_mount(AT_FDCWD, "/dev/mqueue", false));
    } else if (definition.ipc.kind == config::NamespaceMode::Kind::container) {
        sources.shm = TRY(clone_from_container(plan, definition.ipc.container, "/dev/shm"));
    }
    if (definition.init) sources.init = TRY(open_init());
    return {};
}

Result<> open_volumes(const Plan& plan, int root, Sources& sources) {
    for (const config::Mount& mount : plan.definition.mounts)
        if (mount.type == config::MountType::volume)
            sources.mounts[mount.target] =
                TRY_CONTEXT(open_volume(plan, mount, root), "volume '{}' on '{}'", mount.source, mount.target);
    return {};
}

Result<> open_trees(const Plan& plan, driver::StorageDriver& storage, Sources& sources) {
    for (const auto& [target, tree] : plan.trees) {
        driver::RootfsRequest request;
        request.container = tree.writable.empty() ? plan.name.str() : tree.writable;
        request.layers = tree.layers;
        request.read_only = tree.writable.empty();
        sources.trees[target] = TRY_CONTEXT(storage.prepare(request), "mount on '{}'", target).mount;
    }
    return {};
}

Result<> open_files(const Plan& plan, Sources& sources) {
    // Who shares another container's network shares its files, as they change with its networks.
    const std::string folder = plan.definition.network_mode == config::NetworkMode::container
                                   ? plan.paths.record(plan.definition.network_container)
                                   : plan.record_dir();
    for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
        const std::string& from = plan.own_uts || name != std::string_view("hostname") ? folder : plan.record_dir();
        sources.files.emplace_back(fmt::format("/etc/{}", name), TRY(clone_source(fmt::format("{}/{}", from, name), false)));
    }
    if (!plan.notify_socket.empty() && plan.notify_socket[0] == '/')
        sources.files.emplace_back("/run/host/notify", TRY(clone_source(plan.notify_socket, false)));
    return {};
}

}  // namespace gantry::launch
