// What the policy programs refused, with names instead of numbers.
#include "container/policy_impl.hpp"

#include "os/file.hpp"

#include <algorithm>

namespace gantry::container {

namespace {

// Running containers with a policy, by their numbers in the maps.
Result<std::map<std::uint32_t, std::pair<std::string, policy::Applied>>> owners(const config::Paths& paths,
                                                                                const std::string& only) {
    std::map<std::uint32_t, std::pair<std::string, policy::Applied>> out;
    const auto names = os::list_dir(detail::policy_folder(paths));
    if (!names.ok() && names.error().code() == Errc::not_found) return out;
    for (const std::string& name : TRY(names)) {
        if (!is_policy_file(name) || (!only.empty() && name != only)) continue;
        // One that ends meanwhile is left out.
        if (auto applied = read_policy(paths, name); applied.ok() && *applied) {
            const std::uint32_t owner = (*applied)->owner;
            out.emplace(owner, std::pair(name, std::move(**applied)));
        }
    }
    return out;
}

template <class Key, class Value, class Use>
Result<> each_entry(int map, Use use) {
    return os::bpf_each_key(map, sizeof(Key), [&](std::span<const std::byte> bytes) -> Result<> {
        Key key{};
        Value value{};
        std::memcpy(&key, bytes.data(), sizeof key);
        if (TRY(os::bpf_get(map, &key, &value))) use(key, value);
        return {};
    });
}

bool newest_first(std::uint64_t a, std::uint64_t b) { return a > b; }

config::Prefix prefix_of(const std::uint8_t* address) {
    config::Prefix prefix;
    std::copy_n(address, 16, prefix.address.begin());
    return prefix;
}

}  // namespace

Result<std::vector<Denial>> read_denials(const config::Paths& paths, const std::string& container) {
    std::vector<Denial> out;
    const auto known = TRY(owners(paths, container));
    if (known.empty()) return out;
    const policy::Programs programs = TRY(policy_programs(paths));
    TRY((each_entry<policy_denial_key, policy_denial>(programs.denials(),
                                                      [&](const policy_denial_key& key, const policy_denial& denial) {
                                                          if (const auto owner = known.find(key.owner); owner != known.end())
                                                              out.push_back({owner->second.first, key, denial});
                                                      })));
    std::ranges::sort(out, newest_first, [](const Denial& denial) { return denial.counted.last_ns; });
    return out;
}

Result<std::vector<Denial>> unreported_denials(const config::Paths& paths, const std::string& container) {
    const std::string file = paths.run + "/denials";
    const std::uint64_t before = std::strtoull(os::read_file(file, 64).value_or("").c_str(), nullptr, 10);
    auto all = TRY(read_denials(paths, container));
    if (all.empty()) return all;
    // Newest first. A time that is seen again later is later: the clock is coarse, but goes on for milliseconds at most.
    const std::uint64_t newest = all.front().counted.last_ns;
    std::erase_if(all, [&](const Denial& denial) { return denial.counted.last_ns <= before; });
    if (newest > before && container.empty()) TRY(os::write_file_atomic(file, std::to_string(newest), 0600, false));
    return all;
}

std::string denial_text(const Denial& denial, const PeerNames& names) {
    const bool listening = denial.counted.reason == POLICY_NOT_LISTENED;
    return fmt::format(
        "{}{} {} denied: {} ({} times so far)", direction_text(denial.key.direction),
        listening ? ""
                  : fmt::format(" {} {}", denial.key.direction == POLICY_EGRESS ? "to" : "from", names.of(denial.key.remote)),
        port_text(denial.key.protocol, denial.key.port), reason_text(denial.counted.reason), denial.counted.count);
}

Result<bool> has_policies(const config::Paths& paths) {
    const auto names = os::list_dir(detail::policy_folder(paths));
    if (!names.ok() && names.error().code() == Errc::not_found) return false;
    return std::ranges::any_of(TRY(names), is_policy_file);
}

const char* reason_text(std::uint32_t reason) {
    switch (reason) {
    case POLICY_NO_RULE: return "no rule for this peer";
    case POLICY_OTHER_PORT: return "other ports or protocols only";
    case POLICY_FRAGMENT: return "a fragment without ports";
    case POLICY_MALFORMED: return "malformed";
    case POLICY_NOT_LISTENED: return "not a port to listen on";
    default: return "";
    }
}

std::string port_text(std::uint8_t protocol, std::uint16_t port) {
    const std::string name = config::protocol_text(protocol);
    return port == 0 ? name : fmt::format("{}/{}", port, name);
}

const char* direction_text(std::uint8_t direction) { return direction == POLICY_EGRESS ? "egress" : "ingress"; }

std::string rule_text(const std::optional<std::vector<config::PolicyRule>>& rules, std::uint32_t number) {
    return rules && number > 0 && number <= rules->size() ? (*rules)[number - 1].text : "";
}

std::vector<std::string> rule_addresses(const std::vector<policy::Grant>& grants, std::uint32_t number) {
    std::vector<std::string> out;
    for (const policy::Grant& grant : grants)
        if (grant.rule == number) out.push_back(grant.prefix.str());
    return out;
}

Result<std::vector<Denial>> NewDenials::next(const config::Paths& paths, const std::string& container) {
    std::vector<Denial> out;
    auto all = read_denials(paths, container);
    // Without a bpffs or programs nothing was denied.
    if (!all.ok() && !seen_) return out;
    std::map<std::pair<std::string, std::array<std::byte, sizeof(policy_denial_key)>>, std::uint64_t> counts;
    for (Denial& denial : TRY(std::move(all))) {
        std::array<std::byte, sizeof(policy_denial_key)> bytes{};
        std::memcpy(bytes.data(), &denial.key, bytes.size());
        const std::pair key(denial.container, bytes);
        const std::uint64_t count = counts[key] = denial.counted.count;
        const auto before = counts_.find(key);
        // A container that was started again counts from the beginning.
        const std::uint64_t known = before == counts_.end() || before->second > count ? 0 : before->second;
        denial.counted.count = count - known;
        if (seen_ && denial.counted.count > 0) out.push_back(std::move(denial));
    }
    counts_ = std::move(counts);
    seen_ = true;
    return out;
}

Result<PeerNames> PeerNames::read(const config::Paths& paths) {
    PeerNames out;
    for (const std::string& name : TRY(list_records(paths))) {
        const auto record = read_record(paths, name);
        if (!record.ok()) continue;  // it ends
        for (const config::Prefix& address : detail::addresses_of(*record)) out.names_.emplace(address, name);
        for (const auto& network : record->networks)
            for (const std::string& text : network.service_addresses)
                if (const auto address = config::Prefix::parse(text); address.ok())
                    out.names_.emplace(*address, network.service);
    }
    return out;
}

std::string PeerNames::of(const std::uint8_t* address) const {
    const config::Prefix prefix = prefix_of(address);
    const auto found = names_.find(prefix);
    return found == names_.end() ? prefix.str() : found->second;
}

Result<std::vector<config::Prefix>> PeerNames::addresses(const std::string& text) const {
    std::vector<config::Prefix> out;
    for (const auto& [prefix, name] : names_)
        if (name == text) out.push_back(prefix);
    if (!out.empty()) return out;
    const auto prefix = config::Prefix::parse(text);
    if (!prefix.ok() || prefix->length != 128)
        return error(Errc::not_found, "'{}' is neither an address nor a container on a network", text.substr(0, 80));
    return std::vector{*prefix};
}

}  // namespace gantry::container
