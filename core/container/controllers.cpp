#include "container/controllers.hpp"

#include "os/file.hpp"

#include <set>
#include <sstream>

namespace gantry::container {

namespace {

constexpr std::uint64_t unlimited = ~std::uint64_t{0};

struct Need {
    const char *key, *controller;
};

bool limits(const std::optional<std::uint64_t>& value) { return value && *value != unlimited; }

std::vector<Need> needs_of(const config::Limits& l) {
    std::vector<Need> needs;
    const auto add = [&](bool set, const char* key, const char* controller) {
        if (set) needs.push_back({key, controller});
    };
    add(limits(l.memory), "memory", "memory");
    add(limits(l.memory_reservation), "memory_reservation", "memory");
    add(limits(l.memory_swap), "memory_swap", "memory");
    add(l.cpus.has_value(), "cpus", "cpu");
    add(l.cpu_weight.has_value(), "cpu_weight", "cpu");
    add(!l.cpuset.empty(), "cpuset", "cpuset");
    add(!l.cpuset_mems.empty(), "cpuset_mems", "cpuset");
    add(limits(l.pids), "pids", "pids");
    add(l.io_weight.has_value(), "io_weight", "io");
    add(!l.read_bps.empty(), "read_bps", "io");
    add(!l.write_bps.empty(), "write_bps", "io");
    add(!l.read_iops.empty(), "read_iops", "io");
    add(!l.write_iops.empty(), "write_iops", "io");
    return needs;
}

}  // namespace

Result<> check_controllers(const config::Limits& limits, const std::string& folder) {
    const std::vector<Need> needs = needs_of(limits);
    if (needs.empty()) return {};
    std::set<std::string> there;
    std::istringstream words(TRY(os::read_file(folder + "/cgroup.controllers")));
    for (std::string word; words >> word;) there.insert(word);
    for (const Need& need : needs)
        if (!there.contains(need.controller))
            return error(Errc::unsupported, "limit '{}' needs the cgroup controller '{}', which this host does not have",
                         need.key, need.controller);
    return {};
}

Result<std::string> cgroup_folder(const std::string& process) {
    const std::string text = TRY(os::read_file(fmt::format("/proc/{}/cgroup", process)));
    const auto start = text.find("0::");  // cgroup v2 (cgroups(7))
    if (start == std::string::npos) return error(Errc::unsupported, "this host has no cgroup v2");
    return cgroup_root + text.substr(start + 3, text.find('\n', start) - start - 3);
}

}  // namespace gantry::container
