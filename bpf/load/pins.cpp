#include "load/pins.hpp"

#include "os/bpf.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"
#include "os/process.hpp"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace gantry::bpf {

Result<> check_bpffs(const std::string& mount) {
    struct statfs info {};
    if (statfs(mount.c_str(), &info) != 0 || static_cast<std::uint64_t>(info.f_type) != BPF_FS_MAGIC)
        return error(Errc::unsupported, "no bpffs is mounted on '{}'", mount);
    return {};
}

Result<> load_programs(const std::string& programs, const std::string& into) {
    const os::Finished loaded = TRY(os::run({{GANTRY_LIBEXECDIR "/gantry-bpf-load", programs, into}, "", 65536}));
    if (loaded.status == 0) return {};
    const std::string said = loaded.errors.substr(0, loaded.errors.find('\n'));
    return error(Errc::unsupported, "{}", said.empty() ? fmt::format("gantry-bpf-load ended with {}", loaded.status) : said);
}

Result<> link_programs(std::span<const CgroupHook> hooks, const std::string& folder, int cgroup, const std::string& link) {
    for (const CgroupHook& hook : hooks) {
        const os::Fd program = TRY(os::bpf_open(folder + "/" + hook.program));
        const os::Fd made = TRY_CONTEXT(os::bpf_link_cgroup(program.get(), cgroup, hook.type), "program '{}'", hook.program);
        TRY(os::bpf_pin(made.get(), link + hook.program));
    }
    return {};
}

// bpffs has no files to remove but pins, no links to follow, and no folders below this one.
Result<> remove_pins(const std::string& folder) {
    const auto names = os::list_dir(folder);
    if (!names.ok()) return names.error().code() == Errc::not_found ? Result<>() : Result<>(names.error());
    for (const auto& name : *names)
        if (unlink((folder + "/" + name).c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}/{}'", folder, name);
    if (rmdir(folder.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", folder);
    return {};
}

Result<> make_pins(const PinFolder& pins, const std::string& lock, const std::function<bool()>& is_whole,
                   const std::function<Result<>(const std::string& fresh)>& make) {
    const std::string path = pins.path(), fresh = path + "+new";
    TRY(check_bpffs(pins.folder.substr(0, pins.folder.rfind('/'))));
    const os::Fd held = TRY(os::lock_file(lock));
    if (is_whole()) return {};
    TRY(os::make_dirs(pins.folder, 0700));
    TRY(remove_pins(fresh));
    TRY(remove_pins(path));
    auto made = make(fresh);
    if (made.ok() && rename(fresh.c_str(), path.c_str()) != 0) made = errno_error("rename '{}'", fresh);
    if (!made.ok()) {
        [[maybe_unused]] const auto removed = remove_pins(fresh);
        return made;
    }
    for (const auto& name : TRY(os::list_dir(pins.folder)))
        if (name.starts_with(pins.name + "-") && pins.folder + "/" + name != path) TRY(remove_pins(pins.folder + "/" + name));
    return {};
}

}  // namespace gantry::bpf
