#include "launch/cgroup_limits.hpp"

#include "container/controllers.hpp"
#include "container/unit_devices.hpp"
#include "launch/kernel.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::launch {

namespace {

// Of the file, in nanoseconds; 0 where there is none.
std::int64_t changed_at(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0
               ? static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec
               : 0;
}

// The folders in systemd's order: the generator's copy wins.
std::int64_t drop_in_written_at(const ContainerName& name) {
    for (const char* folder : {"/run/systemd/generator.early", "/run/systemd/system"})
        if (const auto at = changed_at(fmt::format("{}/{}.d/10-gantry.conf", folder, unit_name(name))); at != 0) return at;
    return 0;
}

using Settings = std::vector<std::pair<const char*, std::string>>;  // file of the cgroup, value

std::string number_or_max(std::uint64_t value) { return value == ~std::uint64_t{0} ? "max" : std::to_string(value); }

// The kernel's files (Documentation/admin-guide/cgroup-v2.rst) for what unit_dropin() says with MemoryMax= and the like.
Settings settings_of(const config::Limits& limits) {
    Settings settings;
    if (limits.memory) {
        settings.emplace_back("memory.max", number_or_max(*limits.memory));
        if (const auto swap = container::swap_limit(limits)) settings.emplace_back("memory.swap.max", number_or_max(*swap));
    }
    if (limits.memory_reservation) settings.emplace_back("memory.low", number_or_max(*limits.memory_reservation));
    if (limits.cpus)
        settings.emplace_back("cpu.max", fmt::format("{} 100000", static_cast<std::uint64_t>(*limits.cpus * 100000 + 0.5)));
    if (limits.cpu_weight) settings.emplace_back("cpu.weight", std::to_string(*limits.cpu_weight));
    if (!limits.cpuset.empty()) settings.emplace_back("cpuset.cpus", limits.cpuset);
    if (!limits.cpuset_mems.empty()) settings.emplace_back("cpuset.mems", limits.cpuset_mems);
    if (limits.pids) settings.emplace_back("pids.max", number_or_max(*limits.pids));
    if (limits.io_weight) settings.emplace_back("io.weight", fmt::format("default {}", *limits.io_weight));
    return settings;
}

Result<> write_setting(const std::string& folder, const char* file, const std::string& value) {
    const auto target = os::open(folder + "/" + file, O_WRONLY);
    if (!target.ok()) return error(Errc::unsupported, "'{}' cannot be set: the container's cgroup has no such file", file);
    return os::write_all(target->get(), value, file).context(fmt::format("set '{}' to '{}'", file, value));
}

bool has_rates(const config::Limits& limits) {
    return !(limits.read_bps.empty() && limits.write_bps.empty() && limits.read_iops.empty() && limits.write_iops.empty());
}

}  // namespace

Result<> ensure_limits(const Plan& plan) {
    // Run by hand, outside of a unit, there is no cgroup of the container's own.
    const std::string folder = TRY(own_cgroup());
    // A step's unit was made with all of them.
    if (!plan.build.empty()) return container::check_controllers(plan.definition.limits, folder);
    if (folder.find("/" + unit_name(plan.name)) == std::string::npos) return {};
    const auto& limits = plan.definition.limits;
    // Those that systemd has set are in force only where their controllers are.
    TRY(container::check_controllers(limits, folder));
    const std::int64_t written = drop_in_written_at(plan.name);
    if (written != 0 && written >= changed_at(plan.file)) return {};
    if (has_rates(limits))
        return error(Errc::unsupported, "I/O rates are systemd's to set: run 'systemctl daemon-reload', then start again");
    for (const auto& [file, value] : settings_of(limits)) TRY(write_setting(folder, file, value));
    const std::string line = fmt::format(
        "<5>gantry: systemd has not read '{}' yet: its limits are in force, restart policy, devices, dependencies and "
        "timeouts follow with 'systemctl daemon-reload'\n",
        plan.file);
    [[maybe_unused]] const auto said = os::write_all(STDERR_FILENO, line, "standard error");
    return {};
}

}  // namespace gantry::launch
