#include "policy/tables.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <map>

namespace gantry::policy {

namespace {

using config::PortSpan;
using config::Prefix;

// What one prefix allows: its own grants and those of the prefixes around it, in the order of the rules.
using Applicable = std::vector<const Grant*>;

struct Node {
    std::vector<const Grant*> own;
    bool inside = false;  // the world ends here
};

bool by_rule(const Grant* a, const Grant* b) { return a->rule < b->rule; }

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
    Compiler(std::uint32_t policy, policy_direction which) : scope_(POLICY_SCOPE(policy, static_cast<std::uint32_t>(which))) {}

    void target(const Prefix& prefix, Applicable grants) {
        policy_target_key key{};
        key.prefixlen = POLICY_SCOPE_BITS + prefix.length;
        key.scope = scope_;
        std::ranges::copy(prefix.address, key.address);
        std::ranges::stable_sort(grants, by_rule);
        const auto every = std::ranges::find_if(grants, [](const Grant* grant) { return grant->ports.empty(); });
        policy_target value{POLICY_NOTHING, 0};
        if (every != grants.end())
            value = {POLICY_EVERY_PORT, (*every)->rule};
        else if (!grants.empty())
            value.set = set_of(grants);
        out_.targets.emplace_back(key, value);
    }

    void port(std::uint32_t set, const PortSpan& span, std::uint32_t rule) {
        if (span.first == 0 && span.last == 65535) return add(set, span.protocol, 0, 0, rule);
        each_block(span.first, span.last, [&](unsigned first, unsigned bits) { add(set, span.protocol, first, bits, rule); });
    }

    Tables done() && { return std::move(out_); }

private:
    std::uint32_t set_of(const Applicable& grants) {
        std::vector<std::pair<std::uint32_t, std::vector<PortSpan>>> content;
        for (const Grant* grant : grants) content.emplace_back(grant->rule, grant->ports);
        const auto [found, made] = sets_.emplace(std::move(content), static_cast<std::uint32_t>(sets_.size() + 1));
        if (made)
            for (const Grant* grant : grants)
                for (const PortSpan& span : grant->ports) port(found->second, span, grant->rule);
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

    std::uint32_t scope_;
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

Tables compile(const Direction& direction, std::uint32_t policy, policy_direction which) {
    Compiler compiler(policy, which);
    for (const bool v4 : {true, false}) {
        // The root is there always: bit by bit, a short IPv6 prefix would cover mapped IPv4 addresses.
        std::map<Prefix, Node> nodes{{root(v4), {}}};
        for (const Grant& grant : direction.grants)
            if (grant.prefix.is_v4() == v4) nodes[grant.prefix].own.push_back(&grant);
        if (!direction.world.empty())
            for (const Prefix& prefix : direction.inside)
                if (prefix.is_v4() == v4) nodes[prefix].inside = true;

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
                        node.inside || (!levels.empty() && levels.back().inside)};
            level.grants.insert(level.grants.end(), node.own.begin(), node.own.end());
            Applicable all = level.grants;
            if (!level.inside)
                for (const Grant& grant : direction.world) all.push_back(&grant);
            compiler.target(prefix, std::move(all));
            levels.push_back(std::move(level));
        }
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
