// network policy show, set, test; net flows.
#include "cli/format/listing.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/policy.hpp"

#include <netinet/in.h>

#include <ctime>

namespace gantry::cli {

namespace {

using config::NetworkPolicy;
using config::PolicyRule;

Result<policy::Applied> policy_of(container::Engine& engine, const container::Container& container) {
    auto applied = TRY(container::read_policy(engine.paths(), container.name.str()));
    if (!applied) return error(Errc::not_found, "container '{}' runs without a policy, or does not run", container.name.str());
    return std::move(*applied);
}

struct ShowOptions {
    std::string container, format;
};

void declare_show(Verb& verb, ShowOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("--format", options.format, "json").value("FORMAT").one_of({"json"});
}

std::vector<std::string> addresses_of(const std::vector<policy::Grant>& grants, std::uint32_t rule) {
    std::vector<std::string> out;
    for (const policy::Grant& grant : grants)
        if (grant.rule == rule) out.push_back(grant.prefix.str());
    return out;
}

Json rules_json(const std::optional<std::vector<PolicyRule>>& rules, const std::vector<policy::Grant>& grants) {
    if (!rules) return nullptr;
    Json out = Json::array();
    for (std::size_t i = 0; i < rules->size(); ++i)
        out.push_back({{"Rule", (*rules)[i].text}, {"Addresses", addresses_of(grants, static_cast<std::uint32_t>(i + 1))}});
    return out;
}

std::string rules_text(const char* name, const std::optional<std::vector<PolicyRule>>& rules,
                       const std::vector<policy::Grant>& grants) {
    if (!rules) return fmt::format("{}: everything\n", name);
    std::string text = fmt::format("{}:{}\n", name, rules->empty() ? " nothing" : "");
    for (std::size_t i = 0; i < rules->size(); ++i) {
        const auto addresses = addresses_of(grants, static_cast<std::uint32_t>(i + 1));
        text += fmt::format("  {} {}", i + 1, (*rules)[i].text);
        if ((*rules)[i].peer == PolicyRule::Peer::container || (*rules)[i].peer == PolicyRule::Peer::label)
            text += addresses.empty() ? " (nobody now)" : fmt::format(" ({})", fmt::join(addresses, ", "));
        text += "\n";
    }
    return text;
}

Result<int> run_show(Context& context, ShowOptions& options) {
    auto* engine = TRY(context.engine());
    const auto applied = TRY(policy_of(*engine, TRY(engine->container(options.container))));
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

Result<int> run_set(Context& context, SetOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    if (options.egress.empty() && options.ingress.empty() && options.listen.empty()) {
        TRY(container::set_policy(engine->paths(), container.name.str(), container.definition.policy));
        return 0;
    }
    NetworkPolicy policy = TRY(policy_of(*engine, container)).rules;
    TRY(change_list<PolicyRule>(options.egress, policy.egress, config::parse_policy_rule));
    TRY(change_list<PolicyRule>(options.ingress, policy.ingress, config::parse_policy_rule));
    TRY(change_list<config::PortSpan>(options.listen, policy.listen, config::parse_listen_port));
    TRY(container::set_policy(engine->paths(), container.name.str(), policy));
    const auto& paths = engine->paths();
    if (!container.definition_file.starts_with(paths.data) && !container.definition_file.starts_with(paths.run)) {
        note(fmt::format("until the next start: '{}' is not changed", container.definition_file));
        return 0;
    }
    config::Definition changed = container.definition;
    changed.policy = policy;
    TRY(engine->update(container, changed));
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

// What is asked: one protocol, one port.
Result<config::PortSpan> one_port(const PolicyRule& rule) {
    if (rule.ports.empty()) return error(Errc::invalid, "say a port or icmp: '{}:80/tcp', '{}/icmp'", rule.text, rule.text);
    const config::PortSpan& span = rule.ports.front();
    if (span.protocol != IPPROTO_ICMP && span.first != span.last)
        return error(Errc::invalid, "'{}': one port, please", rule.text);
    return span;
}

Result<int> run_test(Context& context, TestOptions& options) {
    auto* engine = TRY(context.engine());
    const auto applied = TRY(policy_of(*engine, TRY(engine->container(options.container))));
    const PolicyRule asked = TRY(config::parse_policy_rule(options.peer));
    const auto span = TRY(one_port(asked));
    std::vector<config::Prefix> remotes{asked.prefix};
    if (asked.peer == PolicyRule::Peer::container)
        remotes = TRY(TRY(container::PeerNames::read(engine->paths())).addresses(asked.name));
    else if (asked.peer != PolicyRule::Peer::prefix || asked.prefix.length != 128)
        return error(Errc::invalid, "'{}': an address or a container, please", options.peer);
    policy::Programs programs = TRY(container::policy_programs(engine->paths()));
    const bool egress = options.direction == "egress";
    const auto& rules = egress ? applied.rules.egress : applied.rules.ingress;
    bool all = true;
    for (const auto& remote : remotes) {
        const auto verdict = TRY(programs.test(applied.policy, applied.flags(), egress ? POLICY_EGRESS : POLICY_INGRESS,
                                               {remote, span.protocol, span.first}));
        all = all && verdict.allowed;
        const std::string rule =
            rules && verdict.rule > 0 && verdict.rule <= rules->size() ? (*rules)[verdict.rule - 1].text : "";
        if (options.format == "json") {
            TRY(print(dump_json(Json{{"Address", remote.str()},
                                     {"Allowed", verdict.allowed},
                                     {"Rule", rule},
                                     {"Reason", container::reason_text(verdict.reason)}}) +
                      "\n"));
        } else if (verdict.allowed) {
            TRY(print(fmt::format("{}: allowed{}\n", remote.str(),
                                  rule.empty() ? "" : fmt::format(" by rule {} '{}'", verdict.rule, rule))));
        } else {
            TRY(print(fmt::format("{}: denied, {}\n", remote.str(), container::reason_text(verdict.reason))));
        }
    }
    return all ? 0 : 1;
}

struct FlowsOptions {
    std::string container, format;
    bool denied = false;
};

void declare_flows(Verb& verb, FlowsOptions& options) {
    verb.add_option("CONTAINER", options.container, "only this one's");
    verb.add_flag("--denied", options.denied, "only what was denied");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing flow_listing{
    {{"Age", "AGE"},
     {"Bytes", "BYTES"},
     {"Container", "CONTAINER"},
     {"Direction", "DIRECTION"},
     {"Packets", "PACKETS"},
     {"Peer", "PEER"},
     {"Port", "PORT"},
     {"Verdict", "VERDICT"},
     {"Why", "WHY"}},
    "{{.Container}}\t{{.Direction}}\t{{.Peer}}\t{{.Port}}\t{{.Verdict}}\t{{.Packets}}\t{{.Bytes}}\t{{.Age}}\t{{.Why}}",
    "Peer"};

const char* direction_text(std::uint8_t direction) { return direction == POLICY_EGRESS ? "egress" : "ingress"; }

std::string port_text(std::uint8_t protocol, std::uint16_t port) {
    const std::string name = config::protocol_text(protocol);
    return name == "icmp" ? name : fmt::format("{}/{}", port, name);
}

Result<int> run_flows(Context& context, FlowsOptions& options) {
    auto* engine = TRY(context.engine());
    const auto& paths = engine->paths();
    const std::string only = options.container.empty() ? "" : TRY(engine->container(options.container)).name.str();
    const auto names = TRY(container::PeerNames::read(paths));
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto age = [&](std::uint64_t last_ns) {
        const std::int64_t seconds = now.tv_sec - static_cast<std::int64_t>(last_ns / 1'000'000'000);
        return fmt::format("{}s", std::max<std::int64_t>(seconds, 0));
    };
    std::vector<Json> rows;
    for (const auto& denial : TRY(container::read_denials(paths, only)))
        rows.push_back(Json{{"Age", age(denial.counted.last_ns)},
                            {"Bytes", ""},
                            {"Container", denial.container},
                            {"Direction", direction_text(denial.key.direction)},
                            {"Packets", std::to_string(denial.counted.count)},
                            {"Peer", denial.counted.reason == POLICY_NOT_LISTENED ? "" : names.of(denial.key.remote)},
                            {"Port", port_text(denial.key.protocol, denial.key.port)},
                            {"Verdict", "denied"},
                            {"Why", container::reason_text(denial.counted.reason)}});
    if (!options.denied)
        for (const auto& flow : TRY(container::read_flows(paths, only))) {
            const auto& [key, counted] = std::tie(flow.key, flow.counted);
            rows.push_back(
                Json{{"Age", age(counted.last_ns)},
                     {"Bytes", std::to_string(counted.bytes[0] + counted.bytes[1])},
                     {"Container", flow.container},
                     {"Direction", direction_text(counted.direction)},
                     {"Packets", std::to_string(counted.packets[0] + counted.packets[1])},
                     {"Peer", names.of(key.remote)},
                     {"Port", port_text(key.protocol, counted.direction == POLICY_EGRESS ? key.remote_port : key.local_port)},
                     {"Verdict", "allowed"},
                     {"Why", flow.rule}});
        }
    return print(TRY(print_listing(flow_listing, {options.format, false}, rows)));
}

}  // namespace

void add_policy_verbs(Parents& parents, Context& context) {
    Verb policy = parents.network.add_group("policy", "Manage what containers may talk to");
    add_verb(policy, context, "show", "Show the policy that is in force", declare_show, run_show);
    add_verb(policy, context, "set", "Change the policy of a running container", declare_set, run_set);
    add_verb(policy, context, "test", "Ask what would happen to a connection", declare_test, run_test);
    Verb net = parents.top.add_group("net", "See what containers talk to");
    add_verb(net, context, "flows", "List connections and refusals of containers that have a policy", declare_flows, run_flows);
}

}  // namespace gantry::cli
