#include "container/unit_devices.hpp"

#include "container/units.hpp"
#include "os/file.hpp"

#include <sys/stat.h>

namespace gantry::container {

namespace {

using Access = std::vector<std::pair<std::string, std::string>>;

// Folders that people pass whole; the class also holds for devices that are plugged in later (/proc/devices).
const char* device_class(std::string_view folder) {
    static const std::map<std::string_view, const char*> classes{
        {"/dev/snd", "char-alsa"}, {"/dev/dri", "char-drm"}, {"/dev/input", "char-input"}, {"/dev/bus/usb", "char-usb_device"}};
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    const auto found = classes.find(folder);
    return found == classes.end() ? nullptr : found->second;
}

bool is_folder(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Every device node below a folder, as Docker does; a few levels, since folders of /dev are flat.
void add_folder(const std::string& folder, const std::string& access, int depth, Access& out) {
    constexpr std::size_t most = 512;
    const auto names = os::list_dir(folder);
    if (!names.ok() || depth > 4) return;
    for (const std::string& name : *names) {
        const std::string path = folder + "/" + name;
        struct stat info {};
        if (out.size() >= most || lstat(path.c_str(), &info) != 0) continue;
        if (S_ISDIR(info.st_mode)) add_folder(path, access, depth + 1, out);
        if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) out.emplace_back(path, access);
    }
}

// "c 42:* rwm" (the kernel's cgroup v1 format, which Docker kept) in systemd's words.
Result<> add_rule(const std::string& rule, Access& out) {
    const std::size_t colon = rule.find(':'), space = rule.find(' ', colon);
    const char type = rule[0];
    const std::string major = rule.substr(2, colon - 2), minor = rule.substr(colon + 1, space - colon - 1),
                      access = rule.substr(space + 1);
    for (const auto& [letter, word] : {std::pair('c', "char"), std::pair('b', "block")}) {
        if (type != letter && type != 'a') continue;
        if (major == "*" && minor != "*")
            return error(Errc::unsupported,
                         "device rule '{}': systemd's DeviceAllow= cannot name a minor number without its major", rule);
        // The path form is taken by its numbers alone, the node need not exist (systemd 246).
        out.emplace_back(minor == "*" ? fmt::format("{}-{}", word, major) : fmt::format("/dev/{}/{}:{}", word, major, minor),
                         access);
    }
    return {};
}

}  // namespace

Result<Access> device_access(const config::Definition& definition) {
    Access list;
    for (const config::Device& device : definition.devices) {
        if (const char* known = device_class(device.host))
            list.emplace_back(known, device.permissions);
        else if (is_folder(device.host))
            add_folder(device.host, device.permissions, 0, list);
        else
            list.emplace_back(device.host, device.permissions);
    }
    for (const std::string& rule : definition.device_cgroup_rules) TRY(add_rule(rule, list));
    return list;
}

systemd::Properties runtime_properties(const config::Definition& definition) {
    const config::Limits& l = definition.limits;
    constexpr std::uint64_t none = ~std::uint64_t{0};
    systemd::Properties properties;
    const auto number = [&](const char* name, std::uint64_t value) { properties.emplace_back(name, value); };
    const auto rates = [&](const char* name, const std::vector<config::DeviceRate>& values) {
        std::vector<std::string> list;
        for (const auto& rate : values) list.push_back(fmt::format("{} {}", rate.device, rate.rate));
        if (!list.empty()) properties.emplace_back(name, std::move(list));
    };
    number("MemoryMax", l.memory.value_or(none));
    number("MemoryLow", l.memory_reservation.value_or(0));
    number("MemorySwapMax", swap_limit(l).value_or(none));
    number("CPUQuotaPerSecUSec", l.cpus ? static_cast<std::uint64_t>(*l.cpus * 1e6 + 0.5) : none);
    number("CPUWeight", l.cpu_weight ? *l.cpu_weight : none);
    number("IOWeight", l.io_weight ? *l.io_weight : none);
    // Without a limit of its own the unit keeps the manager's DefaultTasksMax=, whose number is not known here.
    if (l.pids) number("TasksMax", *l.pids);
    if (!l.cpuset.empty()) properties.emplace_back("AllowedCPUs", l.cpuset);
    if (!l.cpuset_mems.empty()) properties.emplace_back("AllowedMemoryNodes", l.cpuset_mems);
    rates("IOReadBandwidthMax", l.read_bps);
    rates("IOWriteBandwidthMax", l.write_bps);
    rates("IOReadIOPSMax", l.read_iops);
    rates("IOWriteIOPSMax", l.write_iops);
    return properties;
}

}  // namespace gantry::container
