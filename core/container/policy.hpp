// The network policy of running containers: peers become addresses here, bpf/policy enforces it.
//
// A policy that names containers, networks or the host holds what they had when it was put in force; whoever starts or stops a
// container, makes or removes a network, or (gantry-policy.socket) sees the host's addresses change puts such policies in force
// anew (refresh_policies). DNS names are followed by the programs themselves. Root, in the host's namespaces; any number of
// processes at once.
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"
#include "config/policy.hpp"
#include "container/record.hpp"
#include "policy/applied.hpp"
#include "policy/programs.hpp"

#include <optional>

namespace gantry::container {

// The pinned programs; loaded when they are first needed after a boot. Errc::unsupported where there is no bpffs.
Result<policy::Programs> policy_programs(const config::Paths& paths);

// Puts the definition's policy in force for a container that is about to run. cgroup: its folder below /sys/fs/cgroup. own_net:
// the container has a network namespace of its own. sockets: ports whose sockets it was given by its socket unit, which come
// under the policy from here on. On error nothing is left. Without a policy nothing is done.
Result<> apply_policy(const config::Paths& paths, const Record& record, const config::NetworkPolicy& rules,
                      const std::string& cgroup, bool own_net, const std::vector<policy::SocketPort>& sockets);

// Another policy for a container that runs under one. Connections that exist go on.
Result<> set_policy(const config::Paths& paths, const std::string& name, const config::NetworkPolicy& rules);

// Of a running container; nothing where it has no policy.
Result<std::optional<policy::Applied>> read_policy(const config::Paths& paths, const std::string& name);

// Takes the container's policy away. Idempotent; goes on past errors and returns the first.
Result<> release_policy(const config::Paths& paths, const std::string& name);

// After container got its addresses, or (while is_ending()) before it gives them up: other containers' policies that name it,
// or hold an address of its.
Result<> refresh_policies(const config::Paths& paths, const Record& container);
// One container's own, whose addresses have changed. Nothing is done where it has no policy.
Result<> refresh_policy(const config::Paths& paths, const std::string& name);
// All policies that speak of the host or of networks.
Result<> refresh_policies(const config::Paths& paths);

// The reaper is at it: the container's record is still there, its addresses are nobody's.
bool is_ending(const config::Paths& paths, const std::string& name);
// Of a name in /run/gantry/policy: no lock, no folder of numbers, no file that is being written.
bool is_policy_file(std::string_view name);

// What crashes, or somebody with rm, leave: the policy of a container that is not in alive, filters of a running one that are
// gone, numbers that are nobody's. container is empty for the last.
struct PolicyProblem {
    std::string container, problem;
    std::uint32_t number = 0;
};
Result<std::vector<PolicyProblem>> check_policies(const config::Paths& paths, const std::vector<std::string>& alive);
// Takes away, attaches again, frees.
Result<> mend_policy(const config::Paths& paths, const PolicyProblem& problem, const std::vector<std::string>& alive);

// What policies refused, newest first. container: that one alone; empty: all that have one.
struct Denial {
    std::string container;
    policy_denial_key key;
    policy_denial counted;
};
Result<std::vector<Denial>> read_denials(const config::Paths& paths, const std::string& container);
// What came since the last report, by whoever: the journal is told once. A report on all notes the time in /run/gantry/denials.
Result<std::vector<Denial>> unreported_denials(const config::Paths& paths, const std::string& container);
// "egress to db 5432/tcp denied: no rule for this peer (3 times so far)"
class PeerNames;
std::string denial_text(const Denial& denial, const PeerNames& names);
// Whether any container runs with a policy.
Result<bool> has_policies(const config::Paths& paths);
// The same as read_denials, from one look to the next.
class NewDenials {
public:
    // counted.count says how many came since the last call; the first one finds nothing.
    Result<std::vector<Denial>> next(const config::Paths& paths, const std::string& container);

private:
    std::map<std::pair<std::string, std::array<std::byte, sizeof(policy_denial_key)>>, std::uint64_t> counts_;
    bool seen_ = false;
};
// "no rule for this peer"
const char* reason_text(std::uint32_t reason);
// "80/tcp"; "icmp", which has no ports
std::string port_text(std::uint8_t protocol, std::uint16_t port);
// "egress", "ingress"
const char* direction_text(std::uint8_t direction);
// As it was written; empty for 0 and for what the policy does not have. number: counted from 1.
std::string rule_text(const std::optional<std::vector<config::PolicyRule>>& rules, std::uint32_t number);
// What a rule means now.
std::vector<std::string> rule_addresses(const std::vector<policy::Grant>& grants, std::uint32_t number);
// What an address is: a running container's name, else the address itself.
class PeerNames {
public:
    static Result<PeerNames> read(const config::Paths& paths);
    [[nodiscard]] std::string of(const std::uint8_t* address) const;
    // Of a container, or the one that the text is. Errc::not_found where it is neither.
    [[nodiscard]] Result<std::vector<config::Prefix>> addresses(const std::string& text) const;

private:
    std::map<config::Prefix, std::string> names_;
};

}  // namespace gantry::container
