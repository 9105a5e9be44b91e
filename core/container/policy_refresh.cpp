// Policies are put in force anew when what they name has changed.
#include "container/policy_peers.hpp"

#include "os/file.hpp"

#include <algorithm>

namespace gantry::container {

using namespace detail;
using config::PolicyRule;
using policy::Applied;
using policy::Grant;

namespace {

// Whether the policy names that container, or holds an address of its.
bool concerns(const Applied& applied, const Candidate& who) {
    const auto in = [&](const auto& rules, const std::vector<Grant>& grants) {
        return (rules && std::ranges::any_of(*rules, [&](const PolicyRule& rule) { return means(rule, who); })) ||
               std::ranges::any_of(grants, [&](const Grant& grant) {
                   return grant.rule != 0 && std::ranges::find(who.addresses, grant.prefix) != who.addresses.end();
               });
    };
    return in(applied.rules.egress, applied.egress) || in(applied.rules.ingress, applied.ingress);
}

Result<> put_anew(const config::Paths& paths, Surroundings& around, const std::string& name) {
    if (!os::path_exists(policy_file(paths, name))) return {};
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto before = TRY(read_policy(paths, name));
    const auto record = read_record(paths, name);
    if (!before || !record.ok()) return {};  // it ends
    Applied wanted = TRY(resolve_peers(paths, around, *record, before->rules, before->own_net));
    if (wanted.egress == before->egress && wanted.ingress == before->ingress && wanted.inside == before->inside) return {};
    policy::Programs programs = TRY(policy_programs(paths));
    auto replaced = replace_policy(paths, programs, name, *before, std::move(wanted));
    // Its processes are gone, and nobody has cleaned up behind it yet: nothing is left that could be let through.
    if (!replaced.ok() && !policy_cgroup(paths, name).ok()) return {};
    return replaced;
}

Result<> refresh(const config::Paths& paths, const Record* container) {
    const auto names = os::list_dir(policy_folder(paths));
    if (!names.ok()) return {};  // nobody has a policy
    FirstError first;
    std::optional<Candidate> who;
    Surroundings around(paths);
    for (const std::string& name : *names) {
        if (!is_policy_file(name) || (container != nullptr && name == container->name)) continue;
        const auto applied = read_policy(paths, name);
        if (!applied.ok() || !*applied) continue;
        const auto wanted = [&]() -> Result<bool> {
            if (TRY(has_moved(around, **applied))) return true;
            if (container == nullptr || !names_containers((*applied)->rules)) return false;
            if (!who) who = candidate_of(*container, true);
            return concerns(**applied, *who);
        };
        const auto anew = [&]() -> Result<> { return TRY(wanted()) ? put_anew(paths, around, name) : Result<>(); };
        first.note(anew().context(fmt::format("policy of container '{}'", name)));
    }
    return first.result();
}

}  // namespace

Result<> refresh_policies(const config::Paths& paths, const Record& container) { return refresh(paths, &container); }

Result<> refresh_policies(const config::Paths& paths) { return refresh(paths, nullptr); }

Result<> refresh_policy(const config::Paths& paths, const std::string& name) {
    Surroundings around(paths);
    return put_anew(paths, around, name);
}

}  // namespace gantry::container
