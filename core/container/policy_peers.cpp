#include "container/policy_peers.hpp"

#include "base/text.hpp"
#include "config/reader.hpp"
#include "container/network_store.hpp"
#include "load/address.hpp"
#include "os/file.hpp"
#include "os/netlink.hpp"
#include "os/netns.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>

namespace gantry::container::detail {

using config::NetworkPolicy;
using config::PolicyRule;
using config::Prefix;
using policy::Applied;
using policy::Grant;
using Peer = PolicyRule::Peer;

namespace {

std::vector<Prefix> loopback() { return {Prefix::parse("127.0.0.0/8").value(), Prefix::parse("::1").value()}; }

// Link-local addresses of IPv6 are left out: every veth has one.
Result<std::vector<Prefix>> host_addresses() {
    // PID 1's namespace: a launcher whose container shares another's network has joined that already.
    const os::Fd home = TRY(os::open("/proc/1/ns/net", O_RDONLY));
    const auto visit = TRY(os::NetnsVisit::enter(home.get()));
    auto route = TRY(os::NetlinkSocket::open(NETLINK_ROUTE));
    std::vector<Prefix> out;
    // Not by getifaddrs(3), which lists all interfaces too: there is one for every container.
    const auto ask = [] {
        os::NetlinkMessage message(RTM_GETADDR);
        message.header(ifaddrmsg{});
        return message;
    };
    TRY(route.dump(
        ask, "list the host's addresses", [&] { out.clear(); },
        [&](const os::NetlinkReply& reply) {
            const auto* header = reply.header<ifaddrmsg>();
            if (header == nullptr || reply.type() != RTM_NEWADDR) return;
            // Of IPv4 IFA_LOCAL; IFA_ADDRESS is the other end's where there is one (rtnetlink(7)). IPv6 may have the latter
            // alone.
            auto bytes = reply.attribute(sizeof *header, {IFA_LOCAL});
            if (bytes.empty()) bytes = reply.attribute(sizeof *header, {IFA_ADDRESS});
            Prefix prefix;
            const bool v4 = header->ifa_family == AF_INET && bytes.size() == 4;
            const bool v6 = header->ifa_family == AF_INET6 && bytes.size() == 16 && header->ifa_scope != RT_SCOPE_LINK;
            if (!v4 && !v6) return;
            bpf::put_address(prefix.address, bytes);
            out.push_back(prefix);
        }));
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

// The servers of the container's resolv.conf: who may talk to anybody by name must be able to ask for names.
std::vector<Prefix> resolvers_of(const config::Paths& paths, const std::string& name) {
    std::vector<Prefix> out;
    const std::string text = os::read_file(paths.record(name) + "/resolv.conf", 65536).value_or("");
    for (const auto line : split(text, '\n'))
        if (line.starts_with("nameserver "))
            if (auto prefix = Prefix::parse(line.substr(11)); prefix.ok()) out.push_back(*prefix);
    return out;
}

Result<std::vector<Grant>> grants_of(const std::vector<PolicyRule>& rules, Surroundings& around,
                                     const std::vector<Candidate>& candidates, bool starts) {
    std::vector<Grant> out;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const PolicyRule& rule = rules[i];
        const auto add = [&](const Prefix& prefix) { out.push_back({prefix, static_cast<std::uint32_t>(i + 1), rule.ports}); };
        if (rule.peer == Peer::prefix) add(rule.prefix);
        if (rule.peer == Peer::host)
            for (const Prefix& prefix : *TRY(around.host())) add(prefix);
        if (rule.peer == Peer::network) {
            const auto* subnets = TRY(around.network(rule.name));
            // One that was removed meanwhile has no addresses; at a start it is a mistake.
            if (subnets == nullptr && starts) return error(Errc::not_found, "network '{}' does not exist", rule.name);
            if (subnets != nullptr)
                for (const Prefix& prefix : *subnets) add(prefix);
        }
        for (const Candidate& candidate : candidates)
            if (means(rule, candidate))
                for (const Prefix& prefix : candidate.addresses) add(prefix);
    }
    return out;
}

bool needs_inside(const NetworkPolicy& rules) { return has_peer(rules, Peer::world) || has_peer(rules, Peer::dns); }

std::vector<Prefix> of_rule(const std::vector<Grant>& grants, std::size_t rule) {
    std::vector<Prefix> out;
    for (const Grant& grant : grants)
        if (grant.rule == rule) out.push_back(grant.prefix);
    return out;
}

}  // namespace

std::vector<Prefix> addresses_of(const Record& record) {
    std::vector<Prefix> out;
    for (const auto& network : record.networks)
        for (const std::string& address : network.status.addresses)
            if (auto prefix = Prefix::parse(address.substr(0, address.find('/'))); prefix.ok()) out.push_back(*prefix);
    return out;
}

bool names_containers(const NetworkPolicy& rules) { return has_peer(rules, Peer::container) || has_peer(rules, Peer::label); }

Candidate candidate_of(const Record& record, bool with_labels) {
    Candidate out{record.name, {}, addresses_of(record)};
    // connect(2) is judged by the service's address, its packets by that of the container which was chosen.
    for (const auto& network : record.networks)
        for (const std::string& address : network.service_addresses)
            if (auto prefix = Prefix::parse(address); prefix.ok()) out.addresses.push_back(*prefix);
    if (!with_labels) return out;
    const auto text = os::read_file(record.definition_file, config::definition_limit);
    if (!text.ok()) return out;
    if (auto definition = config::parse_definition(*text, record.definition_file); definition.ok())
        out.labels = definition->labels;
    return out;
}

bool means(const PolicyRule& rule, const Candidate& candidate) {
    if (rule.peer == Peer::container) return fnmatch(rule.name.c_str(), candidate.name.c_str(), 0) == 0;
    if (rule.peer != Peer::label) return false;
    const auto [key, value] = split_once(rule.name, '=');
    const auto found = candidate.labels.find(key);
    return found != candidate.labels.end() && (rule.name.find('=') == std::string::npos || found->second == value);
}

Result<> Surroundings::read_networks() {
    if (networks_) return {};
    networks_.emplace();
    for (const auto& network : TRY(container::read_networks(paths_))) {
        auto& subnets = (*networks_)[network.config.name];
        for (const auto& subnet : network.config.subnets)
            subnets.push_back(TRY_CONTEXT(Prefix::parse(subnet.cidr), "network '{}'", network.config.name));
    }
    return {};
}

Result<const std::vector<Prefix>*> Surroundings::host() {
    if (!host_) {
        host_ = TRY(host_addresses());
        for (const Prefix& prefix : loopback()) host_->push_back(prefix);
    }
    return &*host_;
}

Result<const std::vector<Prefix>*> Surroundings::inside() {
    if (!inside_) {
        std::vector<Prefix> out = *TRY(host());
        // What does not leave the link reaches the host and the neighbours; 169.254.0.0/16 has metadata services.
        for (const char* text : {"fe80::/10", "ff00::/8", "224.0.0.0/4", "255.255.255.255", "169.254.0.0/16", "0.0.0.0/8"})
            out.push_back(TRY(Prefix::parse(text)));
        TRY(read_networks());
        for (const auto& [name, subnets] : *networks_) out.insert(out.end(), subnets.begin(), subnets.end());
        inside_ = std::move(out);
    }
    return &*inside_;
}

Result<const std::vector<Prefix>*> Surroundings::network(const std::string& name) {
    TRY(read_networks());
    const auto found = networks_->find(name);
    return found == networks_->end() ? nullptr : &found->second;
}

Result<Applied> resolve_peers(const config::Paths& paths, Surroundings& around, const Record& record,
                              const NetworkPolicy& rules, bool own_net, bool starts) {
    Applied out;
    out.rules = rules;
    out.own_net = own_net;
    std::vector<Candidate> candidates;
    if (names_containers(rules)) {
        const bool labels = has_peer(rules, Peer::label);
        for (const std::string& name : TRY(list_records(paths))) {
            if (name == record.name || is_ending(paths, name)) continue;
            // A container that ends meanwhile has no record any more.
            if (const auto other = read_record(paths, name); other.ok()) candidates.push_back(candidate_of(*other, labels));
        }
    }
    if (needs_inside(rules)) out.inside = *TRY(around.inside());
    if (rules.egress) out.egress = TRY(grants_of(*rules.egress, around, candidates, starts));
    if (rules.ingress) out.ingress = TRY(grants_of(*rules.ingress, around, candidates, starts));
    if (rules.egress)
        for (const Prefix& server : resolvers_of(paths, record.name))
            out.egress.push_back({server, 0, {{IPPROTO_TCP, 53, 53}, {IPPROTO_UDP, 53, 53}}});
    if (own_net) {
        std::vector<Prefix> self = addresses_of(record);
        for (const Prefix& prefix : loopback()) self.push_back(prefix);
        for (const Prefix& prefix : self)
            for (auto* list : {&out.egress, &out.ingress}) list->push_back({prefix, 0, {}});
    }
    return out;
}

Result<bool> has_moved(Surroundings& around, const Applied& applied) {
    if (needs_inside(applied.rules) && applied.inside != *TRY(around.inside())) return true;
    const auto moved = [&](const std::vector<PolicyRule>& rules, const std::vector<Grant>& grants) -> Result<bool> {
        for (std::size_t i = 0; i < rules.size(); ++i) {
            const std::vector<Prefix>* now = nullptr;
            if (rules[i].peer == Peer::host)
                now = TRY(around.host());
            else if (rules[i].peer == Peer::network)
                now = TRY(around.network(rules[i].name));
            else
                continue;
            if (of_rule(grants, i + 1) != (now == nullptr ? std::vector<Prefix>() : *now)) return true;
        }
        return false;
    };
    if (applied.rules.egress && TRY(moved(*applied.rules.egress, applied.egress))) return true;
    return applied.rules.ingress ? moved(*applied.rules.ingress, applied.ingress) : Result<bool>(false);
}

}  // namespace gantry::container::detail
