// Policies after a crash: `gantry system check`, `gantry network reload`.
#include "container/controllers.hpp"
#include "container/policy_impl.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace gantry::container {

using namespace detail;

namespace detail {

Result<os::Fd> policy_cgroup(const config::Paths& paths, const std::string& name) {
    const std::string folder = TRY(cgroup_folder(std::to_string(TRY(read_record(paths, name)).pid)));
    // Below the unit's cgroup a container may have some of its own.
    const std::string unit = fmt::format("/ctr@{}.service", name);
    const auto end = folder.find(unit);
    if (end == std::string::npos) return error(Errc::not_found, "its first process is not in the unit's cgroup");
    return os::open(folder.substr(0, end + unit.size()), O_RDONLY | O_DIRECTORY);
}

}  // namespace detail

namespace {

Result<> attach_again(const config::Paths& paths, const std::string& name) {
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto applied = TRY(read_policy(paths, name));
    if (!applied) return {};
    policy::Programs programs = TRY(policy_programs(paths));
    return replace_policy(paths, programs, name, *applied, *applied);
}

bool in(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

Result<std::vector<PolicyProblem>> check_policies(const config::Paths& paths, const std::vector<std::string>& alive) {
    std::vector<PolicyProblem> out;
    // First: a number that is taken after this is not looked at.
    const auto numbers = os::list_dir(number_folder(paths));
    const auto names = os::list_dir(policy_folder(paths));
    if (!names.ok() && names.error().code() == Errc::not_found) return out;
    std::set<std::uint32_t> used;
    std::optional<policy::Programs> programs;
    for (const std::string& name : TRY(names)) {
        if (!is_policy_file(name)) continue;
        const auto applied = read_policy(paths, name);
        if (applied.ok() && *applied) used.insert({(*applied)->owner, (*applied)->policy});
        if (!in(alive, name)) {
            out.push_back({name, "a network policy of a container that is not running"});
            continue;
        }
        if (!applied.ok()) {
            out.push_back({name, applied.error().message()});
            continue;
        }
        if (!programs) programs = TRY(policy_programs(paths));
        // Of another build's programs only the links are known.
        const bool ours = (*applied)->build == policy::this_build();
        const auto state = ours ? TRY(programs->state((*applied)->cgroup)) : std::nullopt;
        if (!programs->attached(name) ||
            ((*applied)->socket_cgroup != 0 && !programs->attached(policy::Programs::of_sockets(name))) ||
            (ours && (!state || state->policy != (*applied)->policy)))
            out.push_back({name, "its network policy is not enforced"});
    }
    if (!numbers.ok()) return out;
    for (const std::string& text : *numbers) {
        std::uint32_t number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        if (!used.contains(number)) out.push_back({"", fmt::format("entries of policy {}, which is nobody's", text), number});
    }
    return out;
}

Result<> mend_policy(const config::Paths& paths, const PolicyProblem& problem, const std::vector<std::string>& alive) {
    if (!problem.container.empty())
        return in(alive, problem.container) ? attach_again(paths, problem.container) : release_policy(paths, problem.container);
    const std::string link = number_file(paths, problem.number);
    char name[256];
    const ssize_t length = readlink(link.c_str(), name, sizeof name);
    if (length <= 0) return {};
    const std::string owner(name, static_cast<std::size_t>(length));
    const os::Fd lock = TRY(lock_policy(paths, owner));
    if (const auto applied = read_policy(paths, owner);
        applied.ok() && *applied && ((*applied)->owner == problem.number || (*applied)->policy == problem.number))
        return {};
    TRY(TRY(policy_programs(paths)).erase_policy(problem.number));
    return os::remove_tree(link);
}

}  // namespace gantry::container
