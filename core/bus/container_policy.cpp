// The network policy of a container, and what it talks to.
#include "bus/objects.hpp"

#include "container/policy_requests.hpp"
#include "container/traffic.hpp"

namespace gantry::bus {

namespace {

PolicyRules rules_of(const std::optional<std::vector<config::PolicyRule>>& rules, const std::vector<policy::Grant>& grants) {
    PolicyRules list;
    if (!rules) return list;
    for (std::size_t i = 0; i < rules->size(); ++i)
        list.emplace_back((*rules)[i].text, container::rule_addresses(grants, static_cast<std::uint32_t>(i + 1)));
    return list;
}

}  // namespace

void ContainerObject::SetNetworkPolicy(sdbus::Result<bool>&& result, Texts egress, Texts ingress, Texts listen) {
    answer<bool>(host_, getObject(), std::move(result), permission("network.policy"), containers_kind,
                 [name = view_.name, change = container::PolicyChange{egress, ingress, listen}](
                     container::Engine& engine) -> Result<std::tuple<bool>> {
                     return std::tuple(TRY(container::change_policy(engine, TRY(engine.container(name.str())), change)));
                 });
}

void ContainerObject::GetNetworkPolicy(sdbus::Result<Texts, PolicyRules, PolicyRules, Texts>&& result) {
    using Out = std::tuple<Texts, PolicyRules, PolicyRules, Texts>;
    answer<Texts, PolicyRules, PolicyRules, Texts>(
        host_, getObject(), std::move(result), permission("network.inspect"), 0,
        [name = view_.name](container::Engine& engine) -> Result<Out> {
            const auto applied = TRY(container::running_policy(engine, TRY(engine.container(name.str()))));
            Texts limited, listen;
            if (applied.rules.egress) limited.emplace_back("egress");
            if (applied.rules.ingress) limited.emplace_back("ingress");
            if (applied.rules.listen) limited.emplace_back("listen");
            if (applied.rules.listen)
                for (const auto& span : *applied.rules.listen) listen.push_back(config::listen_text(span));
            return Out(std::move(limited), rules_of(applied.rules.egress, applied.egress),
                       rules_of(applied.rules.ingress, applied.ingress), std::move(listen));
        });
}

void ContainerObject::TestNetworkPolicy(sdbus::Result<PolicyAnswers>&& result, std::string direction, std::string peer) {
    answer<PolicyAnswers>(host_, getObject(), std::move(result), permission("network.inspect"), 0,
                          [name = view_.name, direction, peer](container::Engine& engine) -> Result<std::tuple<PolicyAnswers>> {
                              const auto container = TRY(engine.container(name.str()));
                              PolicyAnswers list;
                              for (const auto& one : TRY(container::test_policy(engine, container, direction, peer)))
                                  list.emplace_back(one.address.str(), one.allowed, one.rule, one.reason);
                              return std::tuple(std::move(list));
                          });
}

void ContainerObject::denied(const container::Denial& denial, const std::string& peer) {
    emitFlowDenied(container::direction_text(denial.key.direction), peer, config::protocol_text(denial.key.protocol),
                   denial.key.port, container::reason_text(denial.counted.reason), denial.counted.count);
}

void ContainerObject::ListFlows(sdbus::Result<Flows>&& result) {
    answer<Flows>(host_, getObject(), std::move(result), permission("network.inspect"), 0,
                  [name = view_.name](container::Engine& engine) -> Result<std::tuple<Flows>> {
                      const auto names = TRY(container::PeerNames::read(engine.paths()));
                      Flows list;
                      using Counters = std::map<std::string, std::uint64_t>;
                      for (const auto& denial : TRY(container::read_denials(engine.paths(), name.str()))) {
                          const auto& [key, counted] = std::tie(denial.key, denial.counted);
                          list.emplace_back(container::direction_text(key.direction), names.of(key.remote),
                                            config::protocol_text(key.protocol), key.port, false,
                                            container::reason_text(counted.reason),
                                            Counters{{"Count", counted.count}, {"LastNSec", counted.last_ns}});
                      }
                      for (const auto& one : TRY(container::read_traffic(engine.paths(), name.str()))) {
                          const auto& [key, counted] = std::tie(one.key, one.counters);
                          Counters counters{{"Count", counted.opened},
                                            {"Open", one.open},
                                            {"Failed", counted.failed},
                                            {"BytesSent", counted.bytes[INSIGHT_OUT]},
                                            {"BytesReceived", counted.bytes[INSIGHT_IN]},
                                            {"PacketsSent", counted.packets[INSIGHT_OUT]},
                                            {"PacketsReceived", counted.packets[INSIGHT_IN]},
                                            {"Retransmits", counted.retransmits},
                                            {"Answered", counted.answered},
                                            {"AnswerNSec", counted.answer_ns},
                                            {"LastNSec", counted.last_ns}};
                          list.emplace_back(container::traffic_direction(key.direction), one.peer,
                                            config::protocol_text(key.protocol), key.port, true, one.rule, std::move(counters));
                      }
                      return std::tuple(std::move(list));
                  });
}

}  // namespace gantry::bus
