// What the peers of a policy's rules are now: containers, networks, this host. Internal to core/container.
#pragma once

#include "container/policy_impl.hpp"

#include <map>
#include <optional>

namespace gantry::container::detail {

// Whether a rule names containers, by name or label.
bool names_containers(const config::NetworkPolicy& rules);

// What is asked of a container that a rule may mean.
struct Candidate {
    std::string name;
    std::map<std::string, std::string> labels;
    std::vector<config::Prefix> addresses;
};
// labels: they are read too, which takes the definition.
Candidate candidate_of(const Record& record, bool with_labels);
bool means(const config::PolicyRule& rule, const Candidate& candidate);

// What is around the containers: looked up when it is first asked for, and once.
class Surroundings {
public:
    explicit Surroundings(const config::Paths& paths) : paths_(paths) {}
    // Addresses of this host that something could come from or go to, loopback's too.
    Result<const std::vector<config::Prefix>*> host();
    // What is not the world.
    Result<const std::vector<config::Prefix>*> inside();
    // Subnets of a network; nothing: there is none of that name.
    Result<const std::vector<config::Prefix>*> network(const std::string& name);

private:
    Result<> read_networks();
    const config::Paths& paths_;
    std::optional<std::vector<config::Prefix>> host_, inside_;
    std::optional<std::map<std::string, std::vector<config::Prefix>>> networks_;
};

// All addresses that the rules speak of. starts: the container is about to run, and a network that is not there is a mistake.
Result<policy::Applied> resolve_peers(const config::Paths& paths, Surroundings& around, const Record& record,
                                      const config::NetworkPolicy& rules, bool own_net, bool starts = false);
// Whether what a policy says of the host and of networks is no longer so. Looks at no container.
Result<bool> has_moved(Surroundings& around, const policy::Applied& applied);

}  // namespace gantry::container::detail
