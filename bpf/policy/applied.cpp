#include "policy/applied.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <limits>

namespace gantry::policy {

namespace {

using config::NetworkPolicy;
using config::PolicyRule;
using config::PortSpan;
using Rules = std::optional<std::vector<PolicyRule>>;

// Nobody wrote a rule for the resolvers' ports; what the container can make itself say is not believed.
std::vector<config::Prefix> resolvers_of(const std::vector<Grant>& grants) {
    std::vector<config::Prefix> out;
    const auto own = [&](const config::Prefix& address) {
        return std::ranges::any_of(
            grants, [&](const Grant& grant) { return grant.rule == 0 && grant.ports.empty() && grant.prefix.covers(address); });
    };
    for (const Grant& grant : grants)
        if (grant.rule == 0 && !grant.ports.empty() && !own(grant.prefix)) out.push_back(grant.prefix);
    return out;
}

Direction direction_of(const std::vector<Grant>& grants, const std::vector<PolicyRule>& rules,
                       const std::vector<config::Prefix>& inside) {
    Direction out{grants, {}, inside};
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const auto number = static_cast<std::uint32_t>(i + 1);
        if (rules[i].peer == PolicyRule::Peer::world) out.world.push_back({{}, number, rules[i].ports});
        if (rules[i].peer == PolicyRule::Peer::dns) out.names.push_back({rules[i].name, number, rules[i].ports});
    }
    if (!out.names.empty()) out.resolvers = resolvers_of(grants);
    return out;
}

// What the container's ports are at a socket unit.
std::vector<PortSpan> at_sockets(const std::vector<PortSpan>& spans, const std::vector<SocketPort>& sockets) {
    std::vector<PortSpan> out;
    for (const PortSpan& span : spans)
        for (const SocketPort& socket : sockets) {
            const int last = socket.container + (socket.host_end - socket.host);
            const int from = std::max<int>(span.first, socket.container), to = std::min<int>(span.last, last);
            if (span.protocol != socket.protocol || from > to) continue;
            const int moved = socket.host - socket.container;
            out.push_back({span.protocol, static_cast<std::uint16_t>(from + moved), static_cast<std::uint16_t>(to + moved)});
        }
    return out;
}

void move_ports(std::vector<Grant>& grants, const std::vector<SocketPort>& sockets) {
    std::erase_if(grants, [&](Grant& grant) {
        if (grant.ports.empty()) return false;
        grant.ports = at_sockets(grant.ports, sockets);
        return grant.ports.empty();
    });
}

// Who may connect to the sockets of a socket unit, and be sent to from them. Nobody is let through there for being the
// container itself or its resolver: their loopback is the host's.
Direction direction_at_sockets(Direction direction) {
    std::erase_if(direction.grants, [](const Grant& grant) { return grant.rule == 0; });
    direction.resolvers.clear();
    return direction;
}

void append(Tables& to, Tables from) {
    to.targets.insert(to.targets.end(), from.targets.begin(), from.targets.end());
    to.ports.insert(to.ports.end(), from.ports.begin(), from.ports.end());
    to.names.insert(to.names.end(), from.names.begin(), from.names.end());
    to.permits.insert(to.permits.end(), from.permits.begin(), from.permits.end());
}

std::string rules_text(const char* name, const Rules& rules) {
    if (!rules) return "";
    std::string text = rules->empty() ? fmt::format("{}\n", name) : "";
    for (const PolicyRule& rule : *rules) text += fmt::format("{} {}\n", name, rule.text);
    return text;
}

std::string grants_text(const char* name, const std::vector<Grant>& grants) {
    std::string text;
    for (const Grant& grant : grants) {
        text += fmt::format("grant {} {} {}", name, grant.prefix.str(), grant.rule);
        if (grant.rule == 0)
            for (const PortSpan& span : grant.ports) text += " " + config::listen_text(span);
        text += "\n";
    }
    return text;
}

template <class Number>
Result<Number> number(std::string_view text) {
    const auto value = whole_number(text);
    if (!value || *value > std::numeric_limits<Number>::max()) return error(Errc::corrupt, "'{}' is not a number", text);
    return static_cast<Number>(*value);
}

Result<> read_grant(const std::vector<std::string_view>& words, Applied& out) {
    if (words.size() < 4 || (words[1] != "egress" && words[1] != "ingress")) return error(Errc::corrupt, "not a grant");
    const bool egress = words[1] == "egress";
    const Rules& rules = egress ? out.rules.egress : out.rules.ingress;
    Grant grant;
    grant.prefix = TRY(config::Prefix::parse(words[2]));
    grant.rule = TRY(number<std::uint32_t>(words[3]));
    if (grant.rule > (rules ? rules->size() : 0)) return error(Errc::corrupt, "rule {} does not exist", grant.rule);
    if (grant.rule > 0) grant.ports = (*rules)[grant.rule - 1].ports;
    for (std::size_t i = 4; i < words.size(); ++i) grant.ports.push_back(TRY(config::parse_listen_port(words[i])));
    (egress ? out.egress : out.ingress).push_back(std::move(grant));
    return {};
}

Result<> read_rule(Rules& rules, std::string_view text) {
    if (!rules) rules.emplace();
    if (!text.empty()) rules->push_back(TRY(config::parse_policy_rule(text)));
    return {};
}

Result<> read_line(std::string_view line, Applied& out) {
    const auto words = split(line, ' ');
    const std::string_view key = words.front(), rest = line.substr(std::min(key.size() + 1, line.size()));
    if (key == "owner") {
        out.owner = TRY(number<std::uint32_t>(rest));
    } else if (key == "policy") {
        out.policy = TRY(number<std::uint32_t>(rest));
    } else if (key == "cgroup") {
        out.cgroup = TRY(number<std::uint64_t>(rest));
    } else if (key == "socket") {
        out.socket_cgroup = TRY(number<std::uint64_t>(rest));
    } else if (key == "port" && words.size() == 5) {
        SocketPort port;
        port.protocol = TRY(number<std::uint8_t>(words[1]));
        port.host = TRY(number<std::uint16_t>(words[2]));
        port.host_end = TRY(number<std::uint16_t>(words[3]));
        port.container = TRY(number<std::uint16_t>(words[4]));
        out.socket_ports.push_back(port);
    } else if (key == "build") {
        out.build = rest;
    } else if (key == "netns" && (rest == "own" || rest == "host")) {
        out.own_net = rest == "own";
    } else if (key == "egress") {
        TRY(read_rule(out.rules.egress, rest));
    } else if (key == "ingress") {
        TRY(read_rule(out.rules.ingress, rest));
    } else if (key == "listen") {
        if (!out.rules.listen) out.rules.listen.emplace();
        if (!rest.empty()) out.rules.listen->push_back(TRY(config::parse_listen_port(rest)));
    } else if (key == "grant") {
        TRY(read_grant(words, out));
    } else if (key == "inside") {
        out.inside.push_back(TRY(config::Prefix::parse(rest)));
    } else {
        return error(Errc::corrupt, "'{}' is not known", key);
    }
    return {};
}

}  // namespace

std::uint32_t Applied::flags() const {
    return (rules.egress ? std::uint32_t{POLICY_HAS_EGRESS} : 0U) | (rules.ingress ? std::uint32_t{POLICY_HAS_INGRESS} : 0U) |
           (rules.listen ? std::uint32_t{POLICY_HAS_LISTEN} : 0U) |
           (config::has_peer(rules, PolicyRule::Peer::dns) ? std::uint32_t{POLICY_HAS_NAMES} : 0U);
}

policy_state Applied::socket_state() const {
    // Its ports are those of the unit, whatever the container itself may listen on.
    return {owner, policy + 1, flags() & ~std::uint32_t{POLICY_HAS_LISTEN}};
}

Tables Applied::tables() const {
    Tables out;
    if (rules.egress) append(out, compile(direction_of(egress, *rules.egress, inside), policy, POLICY_EGRESS));
    if (rules.ingress) append(out, compile(direction_of(ingress, *rules.ingress, inside), policy, POLICY_INGRESS));
    if (rules.listen) append(out, compile_listen(*rules.listen, policy));
    if (socket_cgroup == 0) return out;
    if (rules.egress)
        append(out, compile(direction_at_sockets(direction_of(egress, *rules.egress, inside)), policy + 1, POLICY_EGRESS));
    if (rules.ingress) {
        Direction in = direction_at_sockets(direction_of(ingress, *rules.ingress, inside));
        move_ports(in.grants, socket_ports);
        move_ports(in.world, socket_ports);
        append(out, compile(in, policy + 1, POLICY_INGRESS));
    }
    return out;
}

std::string Applied::text() const {
    std::string text = fmt::format("owner {}\npolicy {}\ncgroup {}\nbuild {}\nnetns {}\n", owner, policy, cgroup, build,
                                   own_net ? "own" : "host");
    if (socket_cgroup != 0) text += fmt::format("socket {}\n", socket_cgroup);
    for (const SocketPort& port : socket_ports)
        text += fmt::format("port {} {} {} {}\n", port.protocol, port.host, port.host_end, port.container);
    text += rules_text("egress", rules.egress) + rules_text("ingress", rules.ingress);
    if (rules.listen && rules.listen->empty()) text += "listen\n";
    if (rules.listen)
        for (const PortSpan& span : *rules.listen) text += fmt::format("listen {}\n", config::listen_text(span));
    text += grants_text("egress", egress) + grants_text("ingress", ingress);
    for (const auto& prefix : inside) text += fmt::format("inside {}\n", prefix.str());
    return text;
}

Result<Applied> Applied::parse(std::string_view text) {
    Applied out;
    std::size_t count = 0;
    for (const auto line : split(text, '\n')) {
        ++count;
        if (line.empty()) continue;
        if (auto read = read_line(line, out); !read.ok())
            return error(Errc::corrupt, "line {}: {}", count, read.error().message());
    }
    if (out.owner == 0 || out.policy == 0) return error(Errc::corrupt, "it has no number");
    return out;
}

}  // namespace gantry::policy
