// What front ends ask of the policy of a running container: the command line and io.gantry1.
#pragma once

#include "container/engine.hpp"
#include "container/policy.hpp"

namespace gantry::container {

// Lists of rules as users give them; an empty one leaves that list as it is, {"all"} allows everything, {"none"} nothing.
struct PolicyChange {
    std::vector<std::string> egress, ingress, listen;
    [[nodiscard]] bool empty() const { return egress.empty() && ingress.empty() && listen.empty(); }
};

// Of a running container, at once; an empty change is what its definition says now. True: it holds until the next start only,
// because the definition is an administrator's and was not changed.
Result<bool> change_policy(Engine& engine, const Container& container, const PolicyChange& change);

// Errc::not_found: it runs without one, or does not run.
Result<policy::Applied> running_policy(Engine& engine, const Container& container);

struct PolicyAnswer {
    config::Prefix address;
    bool allowed = false;
    std::uint32_t number = 0;  // of the rule, counted from 1; 0: none is needed, or none allows it
    std::string rule;          // as it was written
    std::string reason;        // why not
};
// direction: "egress" or "ingress"; peer: an address or a container with one port, as in a rule. One answer an address.
Result<std::vector<PolicyAnswer>> test_policy(Engine& engine, const Container& container, std::string_view direction,
                                              std::string_view peer);

}  // namespace gantry::container
