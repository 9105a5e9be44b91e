#include "cli/cgroup.hpp"

#include "os/file.hpp"

#include <sstream>

namespace gantry::cli {

namespace {

std::string folder_of(const std::string& control_group) { return "/sys/fs/cgroup" + control_group; }

std::uint64_t number_in(const std::string& file) {
    const auto text = os::read_file(file);
    return text.ok() && !text->starts_with("max") ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

// The value behind "key " at the start of a line.
std::uint64_t keyed(const std::string& text, const std::string& key) {
    std::istringstream lines(text);
    std::string word;
    std::uint64_t value = 0;
    while (lines >> word >> value)
        if (word == key) return value;
    return 0;
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

CgroupUsage read_cgroup(const std::string& control_group) {
    const std::string folder = folder_of(control_group);
    CgroupUsage usage;
    if (const auto stat = os::read_file(folder + "/cpu.stat"); stat.ok()) usage.cpu_usec = keyed(*stat, "usage_usec");
    usage.memory = number_in(folder + "/memory.current");
    if (const auto stat = os::read_file(folder + "/memory.stat"); stat.ok()) {
        // As docker stats: what the kernel could drop at once does not count.
        const std::uint64_t cache = keyed(*stat, "inactive_file");
        if (cache < usage.memory) usage.memory -= cache;
    }
    usage.memory_limit = number_in(folder + "/memory.max");
    if (const auto stat = os::read_file(folder + "/io.stat"); stat.ok()) {
        std::istringstream words(*stat);
        for (std::string word; words >> word;) {
            if (word.starts_with("rbytes=")) usage.read_bytes += std::strtoull(word.c_str() + 7, nullptr, 10);
            if (word.starts_with("wbytes=")) usage.written_bytes += std::strtoull(word.c_str() + 7, nullptr, 10);
        }
    }
    usage.pids = number_in(folder + "/pids.current");
    if (usage.pids == 0) {
        std::vector<int> all;
        collect(folder, all);
        usage.pids = all.size();
    }
    return usage;
}

Result<std::vector<int>> cgroup_processes(const std::string& control_group) {
    if (control_group.empty()) return error(Errc::not_found, "no control group");
    std::vector<int> all;
    collect(folder_of(control_group), all);
    return all;
}

NetworkUsage read_network(int pid) {
    NetworkUsage usage;
    const auto text = os::read_file(fmt::format("/proc/{}/net/dev", pid));
    if (!text.ok()) return usage;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        const std::string name = line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' '));
        if (name == "lo") continue;
        std::istringstream numbers(line.substr(colon + 1));
        std::uint64_t value = 0;
        // proc(5): eight columns received, the first in bytes, then the sent ones.
        for (int column = 0; column < 9 && numbers >> value; ++column) {
            if (column == 0) usage.received += value;
            if (column == 8) usage.sent += value;
        }
    }
    return usage;
}

}  // namespace gantry::cli
