#include "policy/tables.hpp"

#include "base/hash.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <set>

namespace gantry::policy {

namespace {

using config::PortSpan;
using config::Prefix;

// What one prefix or name allows: its own grants and those of what is around it, in the order of the rules.
struct Permission {
    std::uint32_t rule = 0;
    const std::vector<PortSpan>* ports = nullptr;
};
using Applicable = std::vector<Permission>;

struct Node {
    Applicable own;
    std::uint32_t place = 0;  // enum policy_place
};

Permission of(const Grant& grant) { return {grant.rule, &grant.ports}; }
bool by_rule(const Permission& a, const Permission& b) { return a.rule < b.rule; }

// Whether the wider pattern has all names of the narrower one.
bool covers(std::string_view wider, std::string_view narrower) {
    if (wider == narrower) return true;
    return wider.starts_with("*.") && narrower.size() >= wider.size() && narrower.ends_with(wider.substr(1));
}

// Backwards: "*.example.com" is "moc.elpmaxe.", and every name ends with a NUL.
policy_name_key name_key(std::string_view pattern, std::uint32_t policy) {
    policy_name_key key{};
    const bool wild = pattern.starts_with("*.");
    if (wild) pattern.remove_prefix(1);
    std::ranges::copy(pattern.rbegin(), pattern.rend(), key.name);
    key.policy = policy;
    key.prefixlen = static_cast<std::uint32_t>(8 * (sizeof key.policy + pattern.size() + (wild ? 0 : 1)));
    return key;
}

// The spans as aligned blocks of a power of two ports: what prefixes of a port number can say.
template <class Use>
void each_block(unsigned first, unsigned last, Use use) {
    while (first <= last) {
        unsigned bits = 16;
        for (unsigned size = 1; size < 0x10000 && first % (size * 2) == 0 && first + size * 2 - 1 <= last; size *= 2) --bits;
        use(first, bits);
        first += 1U << (16 - bits);
    }
}

class Compiler {
public:
    Compiler(std::uint32_t policy, policy_direction which)
        : policy_(policy), scope_(POLICY_SCOPE(policy, static_cast<std::uint32_t>(which))) {}

    void target(const Prefix& prefix, Applicable grants, std::uint32_t place) {
        policy_target_key key{};
        key.prefixlen = POLICY_SCOPE_BITS + prefix.length;
        key.scope = scope_;
        std::ranges::copy(prefix.address, key.address);
        policy_target value = permitted(std::move(grants));
        value.place = place;
        out_.targets.emplace_back(key, value);
    }

    void name(const std::string& pattern, Applicable grants) {
        const std::uint64_t number = pattern_number(pattern);
        out_.names.emplace_back(name_key(pattern, policy_), number);
        out_.permits.emplace_back(policy_permit_key{number, policy_, 0}, permitted(std::move(grants)));
    }

    void port(std::uint32_t set, const PortSpan& span, std::uint32_t rule) {
        if (span.first == 0 && span.last == 65535) return add(set, span.protocol, 0, 0, rule);
        each_block(span.first, span.last, [&](unsigned first, unsigned bits) { add(set, span.protocol, first, bits, rule); });
    }

    Tables done() && { return std::move(out_); }

private:
    policy_target permitted(Applicable grants) {
        std::ranges::stable_sort(grants, by_rule);
        const auto every = std::ranges::find_if(grants, [](const Permission& grant) { return grant.ports->empty(); });
        if (every != grants.end()) return {POLICY_EVERY_PORT, every->rule, 0};
        return {grants.empty() ? POLICY_NOTHING : set_of(grants), 0, 0};
    }

    std::uint32_t set_of(const Applicable& grants) {
        std::vector<std::pair<std::uint32_t, std::vector<PortSpan>>> content;
        for (const Permission& grant : grants) content.emplace_back(grant.rule, *grant.ports);
        const auto [found, made] = sets_.emplace(std::move(content), static_cast<std::uint32_t>(sets_.size() + 1));
        if (made)
            for (const Permission& grant : grants)
                for (const PortSpan& span : *grant.ports) port(found->second, span, grant.rule);
        return found->second;
    }

    void add(std::uint32_t set, std::uint8_t protocol, unsigned port, unsigned bits, std::uint32_t rule) {
        policy_port_key key{};
        key.prefixlen = POLICY_SET_BITS + 8 + bits;
        key.scope = scope_;
        key.set = set;
        key.protocol = protocol;
        key.port[0] = static_cast<std::uint8_t>(port >> 8);
        key.port[1] = static_cast<std::uint8_t>(port & 0xff);
        if (taken_.emplace(std::array{set, static_cast<std::uint32_t>(protocol), port, bits}).second)
            out_.ports.emplace_back(key, rule);
    }

    std::uint32_t policy_, scope_;
    std::map<std::vector<std::pair<std::uint32_t, std::vector<PortSpan>>>, std::uint32_t> sets_;
    std::set<std::array<std::uint32_t, 4>> taken_;
    Tables out_;
};

Prefix root(bool v4) {
    Prefix prefix;
    prefix.length = v4 ? 96 : 0;
    if (v4) prefix.address[10] = prefix.address[11] = 0xff;
    return prefix;
}

}  // namespace

std::uint64_t pattern_number(std::string_view pattern) { return std::max<std::uint64_t>(fnv1a(pattern), 1); }

Tables compile(const Direction& direction, std::uint32_t policy, policy_direction which) {
    Compiler compiler(policy, which);
    for (const bool v4 : {true, false}) {
        // The root is there always: bit by bit, a short IPv6 prefix would cover mapped IPv4 addresses.
        std::map<Prefix, Node> nodes{{root(v4), {}}};
        for (const Grant& grant : direction.grants)
            if (grant.prefix.is_v4() == v4) nodes[grant.prefix].own.push_back(of(grant));
        if (!direction.world.empty() || !direction.names.empty())
            for (const Prefix& prefix : direction.inside)
                if (prefix.is_v4() == v4) nodes[prefix].place |= POLICY_INSIDE;
        for (const Prefix& prefix : direction.resolvers)
            if (prefix.is_v4() == v4) nodes[prefix].place |= POLICY_RESOLVER;

        // In this order a prefix comes after those that cover it.
        struct Level {
            Prefix prefix;
            Applicable grants;
            bool inside;
        };
        std::vector<Level> levels;
        for (const auto& [prefix, node] : nodes) {
            while (!levels.empty() && !levels.back().prefix.covers(prefix)) levels.pop_back();
            Level level{prefix, levels.empty() ? Applicable() : levels.back().grants,
                        (node.place & POLICY_INSIDE) != 0 || (!levels.empty() && levels.back().inside)};
            level.grants.insert(level.grants.end(), node.own.begin(), node.own.end());
            Applicable all = level.grants;
            if (!level.inside)
                for (const Grant& grant : direction.world) all.push_back(of(grant));
            compiler.target(prefix, std::move(all), node.place | (level.inside ? std::uint32_t{POLICY_INSIDE} : 0U));
            levels.push_back(std::move(level));
        }
    }
    std::set<std::string> patterns;
    for (const NameGrant& grant : direction.names) patterns.insert(grant.pattern);
    for (const std::string& pattern : patterns) {
        Applicable all;
        for (const NameGrant& grant : direction.names)
            if (covers(grant.pattern, pattern)) all.push_back({grant.rule, &grant.ports});
        compiler.name(pattern, std::move(all));
    }
    return std::move(compiler).done();
}

Tables compile_listen(const std::vector<PortSpan>& ports, std::uint32_t policy) {
    Compiler compiler(policy, POLICY_INGRESS);
    std::uint32_t rule = 0;
    for (const PortSpan& span : ports) compiler.port(0, span, ++rule);
    return std::move(compiler).done();
}

}  // namespace gantry::policy
