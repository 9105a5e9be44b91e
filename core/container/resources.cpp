#include "container/resources.hpp"

#include "os/file.hpp"

#include <sstream>

namespace gantry::container {

namespace {

std::string folder_of(const std::string& control_group) { return "/sys/fs/cgroup" + control_group; }

std::string text_of(const std::string& file) { return os::read_file(file).value_or(""); }

// Zero for "max" as well.
std::uint64_t number(std::string_view text) { return std::strtoull(std::string(text).c_str(), nullptr, 10); }

// The value behind "key " at the start of a line.
std::uint64_t keyed(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    std::string word;
    std::uint64_t value = 0;
    while (lines >> word >> value)
        if (word == key) return value;
    return 0;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123"
Pressure pressure_of(const std::string& text) {
    Pressure pressure;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto total = line.rfind("total=");
        if (total == std::string::npos) continue;
        (line.starts_with("some") ? pressure.some_usec : pressure.full_usec) = number(line.substr(total + 6));
    }
    return pressure;
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
std::vector<BlockDevice> devices_of(const std::string& text) {
    std::vector<BlockDevice> devices;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        BlockDevice device;
        words >> device.device;
        for (std::string word; words >> word;) {
            const auto equals = word.find('=');
            if (equals == std::string::npos) continue;
            const std::string key = word.substr(0, equals);
            const std::uint64_t value = number(word.substr(equals + 1));
            if (key == "rbytes") device.read_bytes = value;
            if (key == "wbytes") device.written_bytes = value;
            if (key == "rios") device.reads = value;
            if (key == "wios") device.writes = value;
        }
        devices.push_back(std::move(device));
    }
    return devices;
}

void collect(const std::string& folder, std::vector<int>& into) {
    if (const auto text = os::read_file(folder + "/cgroup.procs"); text.ok()) {
        std::istringstream pids(*text);
        for (int pid = 0; pids >> pid;) into.push_back(pid);
    }
    const auto names = os::list_dir(folder);
    if (!names.ok()) return;
    for (const auto& name : *names)
        if (os::path_exists(folder + "/" + name + "/cgroup.procs")) collect(folder + "/" + name, into);
}

}  // namespace

Resources read_resources(const std::string& control_group) {
    const std::string folder = folder_of(control_group) + "/";
    Resources out;
    const std::string cpu = text_of(folder + "cpu.stat");
    out.cpu_usec = keyed(cpu, "usage_usec");
    out.cpu_user_usec = keyed(cpu, "user_usec");
    out.cpu_system_usec = keyed(cpu, "system_usec");
    out.throttled_usec = keyed(cpu, "throttled_usec");
    out.memory = number(text_of(folder + "memory.current"));
    const std::uint64_t cache = keyed(text_of(folder + "memory.stat"), "inactive_file");
    out.memory_used = out.memory - std::min(out.memory, cache);
    out.memory_limit = number(text_of(folder + "memory.max"));
    out.memory_peak = number(text_of(folder + "memory.peak"));  // Linux 5.19
    out.oom_kills = keyed(text_of(folder + "memory.events"), "oom_kill");
    out.pids = number(text_of(folder + "pids.current"));
    out.pids_limit = number(text_of(folder + "pids.max"));
    if (out.pids == 0) {
        std::vector<int> all;
        collect(folder, all);
        out.pids = all.size();
    }
    out.devices = devices_of(text_of(folder + "io.stat"));
    out.cpu_pressure = pressure_of(text_of(folder + "cpu.pressure"));
    out.memory_pressure = pressure_of(text_of(folder + "memory.pressure"));
    out.io_pressure = pressure_of(text_of(folder + "io.pressure"));
    return out;
}

std::string control_group_of(const std::string& unit, std::int64_t pid) {
    // cgroups(7): "0::/ctr.slice/ctr@web.service", and what a machine container made below it.
    const std::string text = text_of(fmt::format("/proc/{}/cgroup", pid));
    const auto at = text.find("0::");
    if (at == std::string::npos) return "";
    std::string path = text.substr(at + 3, text.find('\n', at) - at - 3);
    const auto found = (path + "/").find("/" + unit + "/");
    return found == std::string::npos ? "" : path.substr(0, found + 1 + unit.size());
}

Result<std::vector<int>> cgroup_processes(const std::string& control_group) {
    if (control_group.empty()) return error(Errc::not_found, "no control group");
    std::vector<int> all;
    collect(folder_of(control_group), all);
    return all;
}

std::vector<Interface> read_interfaces(std::int64_t pid) {
    std::vector<Interface> out;
    std::istringstream lines(text_of(fmt::format("/proc/{}/net/dev", pid)));
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        const auto begin = line.find_first_not_of(' ');
        Interface interface { line.substr(begin, colon - begin) };
        if (interface.name == "lo") continue;
        std::istringstream numbers(line.substr(colon + 1));
        std::array<std::uint64_t, 16> columns{};
        for (auto& column : columns) numbers >> column;
        std::copy_n(columns.begin(), 4, interface.received.begin());
        std::copy_n(columns.begin() + 8, 4, interface.sent.begin());
        out.push_back(std::move(interface));
    }
    return out;
}

}  // namespace gantry::container
