#include "container/policy_requests.hpp"

#include "container/engine_impl.hpp"

#include <netinet/in.h>

namespace gantry::container {

namespace {

using config::PolicyRule;

template <class T>
Result<> change_list(const std::vector<std::string>& texts, std::optional<std::vector<T>>& list,
                     Result<T> (*parse)(std::string_view)) {
    if (texts.empty()) return {};
    list.reset();
    if (texts == std::vector<std::string>{"all"}) return {};
    list.emplace();
    if (texts == std::vector<std::string>{"none"}) return {};
    for (const std::string& text : texts) list->push_back(TRY(parse(text)));
    if (list->size() > config::policy_rule_limit) return error(Errc::invalid, "more than {} rules", config::policy_rule_limit);
    return {};
}

// What is asked: one protocol, one port.
Result<config::PortSpan> one_port(const PolicyRule& rule) {
    if (rule.ports.empty()) return error(Errc::invalid, "'{0}': a port or icmp is missing, as in '{0}:80/tcp'", rule.text);
    const config::PortSpan& span = rule.ports.front();
    if (span.protocol != IPPROTO_ICMP && (span.first != span.last || span.first == 0))
        return error(Errc::invalid, "'{}': it must be one port", rule.text);
    return span;
}

}  // namespace

Result<policy::Applied> running_policy(Engine& engine, const Container& container) {
    auto applied = TRY(read_policy(engine.paths(), container.name.str()));
    if (!applied) return error(Errc::not_found, "container '{}' runs without a policy, or does not run", container.name.str());
    if (applied->build != policy::this_build() || !has_peer(applied->rules, PolicyRule::Peer::dns)) return std::move(*applied);
    // What its resolvers have told it so far.
    policy::Programs programs = TRY(policy_programs(engine.paths()));
    const auto learned = TRY(programs.learned(applied->owner));
    for (std::uint32_t i = 0; i < applied->rules.egress->size(); ++i) {
        const PolicyRule& rule = (*applied->rules.egress)[i];
        if (rule.peer != PolicyRule::Peer::dns) continue;
        for (const auto& one : learned)
            if (one.pattern == policy::pattern_number(rule.name)) applied->egress.push_back({one.address, i + 1, rule.ports});
    }
    return std::move(*applied);
}

Result<bool> change_policy(Engine& engine, const Container& container, const PolicyChange& change) {
    const std::string& name = container.name.str();
    if (change.empty()) {
        TRY(set_policy(engine.paths(), name, container.definition.policy));
        return false;
    }
    config::NetworkPolicy wanted = TRY(running_policy(engine, container)).rules;
    TRY(change_list<PolicyRule>(change.egress, wanted.egress, config::parse_policy_rule));
    TRY(change_list<PolicyRule>(change.ingress, wanted.ingress, config::parse_ingress_rule));
    TRY(change_list<config::PortSpan>(change.listen, wanted.listen, config::parse_listen_port));
    TRY(set_policy(engine.paths(), name, wanted));
    if (!is_engine_file(engine.paths(), container.definition_file)) return true;
    config::Definition changed = container.definition;
    changed.policy = wanted;
    TRY(engine.update(container, changed));
    return false;
}

Result<std::vector<PolicyAnswer>> test_policy(Engine& engine, const Container& container, std::string_view direction,
                                              std::string_view peer) {
    const bool egress = direction == "egress";
    if (!egress && direction != "ingress") return error(Errc::invalid, "the direction must be egress or ingress");
    policy::Applied applied = TRY(running_policy(engine, container));
    if (applied.build != policy::this_build()) {  // the maps of this build know nothing of it yet
        TRY(set_policy(engine.paths(), container.name.str(), applied.rules));
        applied = TRY(running_policy(engine, container));
    }
    const PolicyRule asked = TRY(config::parse_policy_rule(peer));
    const auto span = TRY(one_port(asked));
    std::vector<config::Prefix> remotes{asked.prefix};
    if (asked.peer == PolicyRule::Peer::container)
        remotes = TRY(TRY(PeerNames::read(engine.paths())).addresses(asked.name));
    else if (asked.peer != PolicyRule::Peer::prefix || asked.prefix.length != 128)
        return error(Errc::invalid, "'{}': the peer must be an address or a container", peer);
    policy::Programs programs = TRY(policy_programs(engine.paths()));
    const auto& rules = egress ? applied.rules.egress : applied.rules.ingress;
    std::vector<PolicyAnswer> out;
    for (const config::Prefix& remote : remotes) {
        const auto verdict = TRY(programs.test({applied.owner, applied.policy, applied.flags()},
                                               egress ? POLICY_EGRESS : POLICY_INGRESS, {remote, span.protocol, span.first}));
        out.push_back({remote, verdict.allowed, verdict.rule, rule_text(rules, verdict.rule), reason_text(verdict.reason)});
    }
    return out;
}

}  // namespace gantry::container
