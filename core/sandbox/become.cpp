#include "sandbox/become.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::sandbox {

Result<Privileges> privileges_of(const config::Definition& definition, const std::string& seccomp_cache) {
    const config::Security& security = definition.security;
    Privileges out;
    out.capabilities = TRY(capability_set(security.cap_add, security.cap_drop, security.privileged));
    if (definition.policy.egress || definition.policy.ingress) {
        // Packet sockets would get around a policy on the cgroup; the others make interfaces, or take the policy away.
        out.capabilities &= ~(CapSet{1} << CAP_NET_RAW);
        for (const int capability : {CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_BPF})
            if ((out.capabilities >> capability & 1) != 0)
                return error(Errc::invalid,
                             "a container with a network policy cannot have capability {}: it could get around it",
                             capability_name(capability));
    }
    out.filter = TRY(load_filter(seccomp_cache, security.privileged ? "unconfined" : security.seccomp, out.capabilities));
    out.no_new_privileges = security.no_new_privileges;
    for (const auto& [name, limit] : definition.limits.ulimits) {
        TRY(parse_resource(name));
        out.limits[name] = {limit.soft, limit.hard};
    }
    out.oom_score = definition.limits.oom_score_adj;
    return out;
}

namespace {

Result<> change_ids(const Identity& who) {
    if (setgroups(who.groups.size(), who.groups.data()) != 0) return errno_error("set supplementary groups");
    if (setresgid(who.gid, who.gid, who.gid) != 0) return errno_error("set group id {}", who.gid);
    // The filter below needs CAP_SYS_ADMIN once more: permitted capabilities stay through the change of the user.
    if (prctl(PR_SET_KEEPCAPS, 1) != 0) return errno_error("keep capabilities");
    if (setresuid(who.uid, who.uid, who.uid) != 0) return errno_error("set user id {}", who.uid);
    if (prctl(PR_SET_KEEPCAPS, 0) != 0) return errno_error("keep capabilities no longer");
    return {};
}

}  // namespace

Result<> become(const Privileges& privileges) {
    constexpr CapSet for_filter = CapSet{1} << CAP_SYS_ADMIN;
    if (privileges.oom_score) TRY(set_oom_score(*privileges.oom_score));
    TRY(set_resource_limits(privileges.limits));
    ::umask(privileges.umask);
    TRY(limit_bounding(privileges.capabilities));
    TRY(change_ids(privileges.who));
    const CapSet final_set = privileges.who.uid == 0 ? privileges.capabilities : 0;
    if (privileges.no_new_privileges) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("set no_new_privs");
        TRY(set_capabilities(final_set, final_set));
        return install_filter(privileges.filter);
    }
    if (!privileges.filter.program.empty()) {
        TRY(set_capabilities(final_set | for_filter, final_set | for_filter));
        TRY(install_filter(privileges.filter));
    }
    return set_capabilities(final_set, final_set);
}

}  // namespace gantry::sandbox
