#include "build/run_mounts.hpp"

#include "base/text.hpp"
#include "build/copy_files.hpp"
#include "container/image_changes.hpp"
#include "os/copy_tree.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::build {

namespace {

using dockerfile::MountType;
using dockerfile::RunMount;

constexpr std::size_t secret_limit = 500U << 10;  // as BuildKit

std::string cache_id(const RunMount& mount, const std::string& target) { return mount.id.empty() ? target : mount.id; }

Result<std::string> read_secret(const Secret& secret) {
    if (secret.value) return *secret.value;
    if (!secret.file.empty()) return os::read_file(secret.file, secret_limit);
    const char* value = getenv(secret.variable.c_str());
    if (!value) return error(Errc::not_found, "environment variable '{}' is not set", secret.variable);
    return std::string(value);
}

Result<> own(const std::string& path, const RunMount& mount, std::uint64_t default_mode) {
    const auto mode = static_cast<mode_t>(mount.mode.value_or(default_mode) & 07777);
    if (chown(path.c_str(), static_cast<uid_t>(mount.uid.value_or(0)), static_cast<gid_t>(mount.gid.value_or(0))) != 0 ||
        chmod(path.c_str(), mode) != 0)
        return errno_error("change owner and mode of '{}'", path);
    return {};
}

}  // namespace

void RunMounts::add_host(StepRequest& request, std::string source, std::string target, bool read_only, bool folder) {
    config::Mount mount;
    mount.source = std::move(source);
    mount.target = std::move(target);
    mount.read_only = read_only;
    request.mount_points.push_back({mount.target, folder});
    request.mounts.push_back(std::move(mount));
}

Result<std::string> RunMounts::key(const std::vector<RunMount>& mounts, std::size_t stage, const std::string& workdir) {
    std::string text;
    for (const RunMount& mount : mounts) {
        text += fmt::format("mount {} {} ", dockerfile::mount_type_name(mount.type), mount.text);
        if (mount.type == MountType::bind) {
            const auto input = TRY_CONTEXT(inputs_.from(mount.from, stage), "--mount={}", mount.text);
            text += TRY_CONTEXT(inputs_.digest(input, {mount.source}, {}, ""), "--mount={}", mount.text).str();
        }
        text += container::resolved_folder(workdir, mount.target) + "\n";
    }
    return text;
}

Result<> RunMounts::prepare(const std::vector<RunMount>& mounts, std::size_t stage, StepRequest& request) {
    for (const RunMount& mount : mounts) {
        const auto add = [&]() -> Result<> {
            switch (mount.type) {
            case MountType::bind: return add_bind(mount, stage, request);
            case MountType::cache: return add_cache(mount, stage, request);
            case MountType::tmpfs: return add_tmpfs(mount, request);
            case MountType::secret: return add_secret(mount, request);
            case MountType::ssh: return add_ssh(mount, request);
            }
            return {};
        };
        TRY_CONTEXT(add(), "--mount={}", mount.text);
    }
    return {};
}

Result<> RunMounts::add_bind(const RunMount& mount, std::size_t stage, StepRequest& request) {
    const std::string target = container::resolved_folder(request.config.workdir, mount.target);
    const bool read_only = mount.read_only.value_or(true);
    const auto input = TRY(inputs_.from(mount.from, stage));
    const auto found = TRY(inputs_.sources(input, {mount.source}, {}));
    const Source& source = found.front();
    if (input.state) {
        config::Mount bind;
        bind.source = "/" + source.path;
        bind.target = target;
        bind.read_only = read_only;
        container::StepTree tree;
        tree.layers = session_.store.layer_keys(input.state->config);
        if (!read_only) tree.writable = fmt::format("{}-w{}", request.name.str(), request.trees.size());
        request.trees[target] = std::move(tree);
        request.mount_points.push_back({target, source.is_folder()});
        request.mounts.push_back(std::move(bind));
        return {};
    }
    std::string path = input.host_path + (source.path.empty() ? "" : "/" + source.path);
    // What may be written, or has parts that are left out, is a copy.
    if (!read_only || !source.tree->ignore.empty()) {
        path = fmt::format("{}/bind-{}-{}", session_.scratch(), request.name.str(), request.mounts.size());
        TRY(os::make_dirs(path, 0755));
        const os::Fd root = TRY(os::open(path, O_RDONLY | O_DIRECTORY));
        Destination destination;
        destination.path = source.is_folder() ? "/" : "/file";
        TRY(copy_sources({source}, root.get(), destination));
        if (!source.is_folder()) path += "/file";
    }
    add_host(request, path, target, read_only, source.is_folder());
    return {};
}

Result<std::string> RunMounts::cache_folder(const RunMount& mount, const std::string& target) {
    const std::string id(image::digest_of(cache_id(mount, target)).hex());
    const std::string above = session_.engine.paths().data + "/build/mounts";
    TRY(os::make_dirs(above, 0700));
    for (unsigned copy = 0;; ++copy) {
        std::string folder = fmt::format("{}/{}{}", above, id, copy == 0 ? "" : fmt::format("-{}", copy));
        const bool exclusive = mount.sharing != dockerfile::MountSharing::shared;
        // A private one that is in use is left to its user; a locked one is waited for.
        auto lock = os::lock_file(folder + ".lock", exclusive, mount.sharing != dockerfile::MountSharing::exclusive);
        if (!lock.ok() && lock.error().code() == Errc::in_use) continue;
        locks_.push_back(TRY(std::move(lock)));
        return folder;
    }
}

Result<> RunMounts::fill_cache(const RunMount& mount, std::size_t stage, const std::string& folder) {
    const std::string staging = folder + ".new";
    // Several steps may share it, and begin at once.
    const os::Fd alone = TRY(os::lock_name(session_.engine.paths().data + "/build/mounts/.lock", folder));
    if (os::path_exists(folder)) return {};
    TRY(os::remove_tree(staging));
    TRY(os::make_dirs(staging, 0755));
    if (!mount.from.empty()) {
        const auto found = TRY(inputs_.sources(TRY(inputs_.from(mount.from, stage)), {mount.source}, {}));
        const os::Fd root = TRY(os::open(staging, O_RDONLY | O_DIRECTORY));
        Destination destination;
        destination.path = "/";
        TRY(copy_sources(found, root.get(), destination));
    }
    TRY(own(staging, mount, 0755));
    return os::rename(staging, folder, false);
}

Result<> RunMounts::add_cache(const RunMount& mount, std::size_t stage, StepRequest& request) {
    const std::string target = container::resolved_folder(request.config.workdir, mount.target);
    const std::string folder = TRY(cache_folder(mount, target));
    if (!os::path_exists(folder)) TRY(fill_cache(mount, stage, folder));
    add_host(request, folder, target, mount.read_only.value_or(false), true);
    return {};
}

Result<> RunMounts::add_tmpfs(const RunMount& mount, StepRequest& request) {
    config::Mount tmpfs;
    tmpfs.type = config::MountType::tmpfs;
    tmpfs.target = container::resolved_folder(request.config.workdir, mount.target);
    tmpfs.size = mount.size.value_or(0);
    tmpfs.options = {"exec"};
    request.mount_points.push_back({tmpfs.target, true});
    request.mounts.push_back(std::move(tmpfs));
    return {};
}

Result<> RunMounts::add_secret(const RunMount& mount, StepRequest& request) {
    const std::string id = !mount.id.empty() ? mount.id : base_name(mount.target);
    const auto& secrets = session_.options.secrets;
    const auto secret = std::ranges::find(secrets, id, &Secret::id);
    if (secret == secrets.end()) {
        if (mount.required) return error(Errc::not_found, "secret '{}' was not given (--secret id={},...)", id, id);
        return {};
    }
    const std::string value = TRY_CONTEXT(read_secret(*secret), "secret '{}'", id);
    if (mount.env) request.environment.emplace_back(mount.env->empty() ? id : *mount.env, value);
    if (mount.env && mount.target.empty()) return {};
    // Below /run, which is memory: a secret never reaches the disk.
    const std::string file =
        fmt::format("{}/{}-secret-{}", container::build_folder(session_.engine.paths(), session_.folders.id()),
                    request.name.str(), request.mounts.size());
    TRY(os::write_file_atomic(file, value, 0400, false));
    TRY(own(file, mount, 0400));
    const std::string target =
        mount.target.empty() ? "/run/secrets/" + id : container::resolved_folder(request.config.workdir, mount.target);
    add_host(request, file, target, true, false);
    return {};
}

Result<> RunMounts::add_ssh(const RunMount& mount, StepRequest& request) {
    const std::string id = mount.id.empty() ? "default" : mount.id;
    const auto& sources = session_.options.ssh;
    const auto source = std::ranges::find(sources, id, &SshSource::id);
    if (source == sources.end()) {
        if (mount.required) return error(Errc::not_found, "ssh agent '{}' was not given (--ssh {})", id, id);
        return {};
    }
    const std::string target = mount.target.empty() ? fmt::format("/run/buildkit/ssh_agent.{}", request.mounts.size())
                                                    : container::resolved_folder(request.config.workdir, mount.target);
    if (request.mounts.end() == std::ranges::find(request.mounts, target, &config::Mount::target))
        add_host(request, source->keys.empty() ? source->socket : session_.agents.at(id).socket(), target, false, false);
    request.environment.emplace_back("SSH_AUTH_SOCK", target);
    return {};
}

Result<std::string> RunMounts::add_script(const dockerfile::Heredoc& script, StepRequest& request) {
    // Not below /run, from which nothing may be executed on most hosts.
    const std::string file = fmt::format("{}/{}-script", session_.scratch(), request.name.str());
    TRY(os::write_file_atomic(file, script.content, 0755, false));
    std::string target = "/dev/pipes/" + script.name;
    add_host(request, file, target, true, false);
    request.mount_points.pop_back();  // /dev is new in every container
    return target;
}

}  // namespace gantry::build
