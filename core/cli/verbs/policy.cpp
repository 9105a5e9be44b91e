// network policy show, set, test.
#include "cli/format/listing.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/policy_requests.hpp"

namespace gantry::cli {

namespace {

using config::PolicyRule;

struct ShowOptions {
    std::string container, format;
};

void declare_show(Verb& verb, ShowOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("--format", options.format, "json").value("FORMAT").one_of({"json"});
}

Json rules_json(const std::optional<std::vector<PolicyRule>>& rules, const std::vector<policy::Grant>& grants) {
    if (!rules) return nullptr;
    Json out = Json::array();
    for (std::size_t i = 0; i < rules->size(); ++i)
        out.push_back(
            {{"Rule", (*rules)[i].text}, {"Addresses", container::rule_addresses(grants, static_cast<std::uint32_t>(i + 1))}});
    return out;
}

std::string rules_text(const char* name, const std::optional<std::vector<PolicyRule>>& rules,
                       const std::vector<policy::Grant>& grants) {
    if (!rules) return fmt::format("{}: everything\n", name);
    std::string text = fmt::format("{}:{}\n", name, rules->empty() ? " nothing" : "");
    for (std::size_t i = 0; i < rules->size(); ++i) {
        const auto addresses = container::rule_addresses(grants, static_cast<std::uint32_t>(i + 1));
        text += fmt::format("  {} {}", i + 1, (*rules)[i].text);
        const auto peer = (*rules)[i].peer;
        if (peer == PolicyRule::Peer::container || peer == PolicyRule::Peer::label || peer == PolicyRule::Peer::dns)
            text += !addresses.empty()              ? fmt::format(" ({})", fmt::join(addresses, ", "))
                    : peer == PolicyRule::Peer::dns ? " (not asked for yet)"
                                                    : " (nobody now)";
        text += "\n";
    }
    return text;
}

Result<int> run_show(Context& context, ShowOptions& options) {
    auto* engine = TRY(context.engine());
    const auto applied = TRY(container::running_policy(*engine, TRY(engine->container(options.container))));
    std::vector<std::string> listen;
    if (applied.rules.listen)
        for (const auto& span : *applied.rules.listen) listen.push_back(config::listen_text(span));
    if (options.format == "json") {
        const Json shown{{"Egress", rules_json(applied.rules.egress, applied.egress)},
                         {"Ingress", rules_json(applied.rules.ingress, applied.ingress)},
                         {"Listen", applied.rules.listen ? Json(listen) : Json()}};
        return print(dump_json(shown) + "\n");
    }
    return print(rules_text("egress", applied.rules.egress, applied.egress) +
                 rules_text("ingress", applied.rules.ingress, applied.ingress) +
                 (applied.rules.listen
                      ? fmt::format("listen: {}\n", listen.empty() ? "nothing" : fmt::format("{}", fmt::join(listen, ", ")))
                      : "listen: everything\n"));
}

struct SetOptions {
    std::string container;
    std::vector<std::string> egress, ingress, listen;
};

void declare_set(Verb& verb, SetOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("--egress", options.egress, "rule for what goes out; 'all' for everything, 'none' for nothing")
        .value("RULE");
    verb.add_option("--ingress", options.ingress, "rule for what comes in; 'all' for everything, 'none' for nothing")
        .value("RULE");
    verb.add_option("--listen", options.listen, "port to listen on; 'all' for every one, 'none' for none").value("PORT");
    verb.usage("Without an option: what the container's definition says now.");
}

Result<int> run_set(Context& context, SetOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    if (TRY(container::change_policy(*engine, container, {options.egress, options.ingress, options.listen})))
        note(fmt::format("until the next start: '{}' is not changed", container.definition_file));
    return 0;
}

struct TestOptions {
    std::string container, direction, peer, format;
};

void declare_test(Verb& verb, TestOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("DIRECTION", options.direction).required().one_of({"egress", "ingress"});
    verb.add_option("PEER", options.peer, "address or container, as a rule has it: web:80/tcp, 10.0.0.7/icmp").required();
    verb.add_option("--format", options.format, "json").value("FORMAT").one_of({"json"});
}

Result<int> run_test(Context& context, TestOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    bool all = true;
    for (const auto& answer : TRY(container::test_policy(*engine, container, options.direction, options.peer))) {
        all = all && answer.allowed;
        const std::string address = answer.address.str();
        if (options.format == "json")
            TRY(print(
                dump_json(
                    Json{{"Address", address}, {"Allowed", answer.allowed}, {"Rule", answer.rule}, {"Reason", answer.reason}}) +
                "\n"));
        else if (!answer.allowed)
            TRY(print(fmt::format("{}: denied, {}\n", address, answer.reason)));
        else
            TRY(print(fmt::format("{}: allowed{}\n", address,
                                  answer.rule.empty() ? "" : fmt::format(" by rule {} '{}'", answer.number, answer.rule))));
    }
    return all ? 0 : 1;
}

}  // namespace

void add_policy_verbs(Parents& parents, Context& context) {
    Verb policy = parents.network.add_group("policy", "Manage what containers may talk to");
    add_verb(policy, context, "show", "Show the policy that is in force", declare_show, run_show);
    add_verb(policy, context, "set", "Change the policy of a running container", declare_set, run_set);
    add_verb(policy, context, "test", "Ask what would happen to a connection", declare_test, run_test);
}

}  // namespace gantry::cli
