#include "container/traffic.hpp"

#include "base/clock.hpp"
#include "base/names.hpp"
#include "os/file.hpp"
#include "os/netns.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace gantry::container {

namespace {

void add(Traffic& traffic, const os::TcpConnection& connection, std::uint64_t now) {
    insight_peer& counters = traffic.counters;
    ++traffic.open;
    counters.bytes[INSIGHT_OUT] += connection.bytes_out;
    counters.bytes[INSIGHT_IN] += connection.bytes_in;
    counters.packets[INSIGHT_OUT] += connection.segments_out;
    counters.packets[INSIGHT_IN] += connection.segments_in;
    counters.retransmits += connection.retransmits;
    counters.last_ns = std::max<std::uint64_t>(counters.last_ns, now - std::min(now, connection.idle_ms * 1'000'000));
}

// Open connections of the container's network namespace, and of others that share it.
Result<std::vector<insight::Connection>> connections_of(const insight::Counters& counters, const config::Paths& paths,
                                                        const std::string& container, std::set<ino_t>& visited) {
    const auto record = read_record(paths, container);
    if (!record.ok() || record->pid == 0) return std::vector<insight::Connection>();  // it ends
    const auto netns = os::open(fmt::format("/proc/{}/ns/net", record->pid), O_RDONLY);
    struct stat info {};
    if (!netns.ok() || fstat(netns->get(), &info) != 0 || !visited.insert(info.st_ino).second)
        return std::vector<insight::Connection>();
    const auto visit = TRY(os::NetnsVisit::enter(netns->get()));
    return counters.connections();
}

// The rule that allows it now, of each container with a policy.
Result<> name_rules(const config::Paths& paths, std::vector<Traffic>& all) {
    std::map<std::string, std::optional<policy::Applied>> policies;
    std::optional<policy::Programs> programs;
    for (Traffic& one : all) {
        auto [found, fresh] = policies.try_emplace(one.container);
        if (fresh) {
            auto applied = read_policy(paths, one.container);
            if (applied.ok()) found->second = std::move(*applied);
        }
        if (!found->second) continue;
        const auto& rules = one.key.direction == INSIGHT_OUT ? found->second->rules.egress : found->second->rules.ingress;
        if (!rules) continue;
        one.policy = true;
        if (!programs) programs = TRY(policy_programs(paths));
        policy::Question question;
        std::copy_n(one.key.remote, 16, question.remote.address.begin());
        question.remote.length = 128;
        question.protocol = one.key.protocol;
        question.port = one.key.port;
        const auto direction = one.key.direction == INSIGHT_OUT ? POLICY_EGRESS : POLICY_INGRESS;
        const auto verdict =
            TRY(programs->test({found->second->owner, found->second->policy, found->second->flags()}, direction, question));
        if (verdict.allowed) one.rule = rule_text(rules, verdict.rule);
    }
    return {};
}

}  // namespace

const char* traffic_direction(std::uint8_t direction) { return direction == INSIGHT_OUT ? "egress" : "ingress"; }

Result<std::map<std::uint64_t, std::string>> counted_containers(const config::Paths& paths) {
    std::map<std::uint64_t, std::string> out;
    for (const std::string& text : TRY(list_records(paths))) {
        const auto name = ContainerName::parse(text);
        if (!name.ok()) continue;
        struct stat info {};
        const std::string cgroup = "/sys/fs/cgroup/ctr.slice/" + unit_name(*name);
        if (stat(cgroup.c_str(), &info) == 0) out.emplace(info.st_ino, text);
    }
    return out;
}

Result<std::vector<Traffic>> read_traffic(const config::Paths& paths, const std::string& container) {
    const auto counters = TRY(insight::Counters::open(paths.bpf));
    const auto containers = TRY(counted_containers(paths));
    const auto names = TRY(PeerNames::read(paths));
    const auto less = [](const insight_peer_key& a, const insight_peer_key& b) { return std::memcmp(&a, &b, sizeof a) < 0; };
    std::map<insight_peer_key, Traffic, decltype(less)> found(less);
    const auto entry = [&](const insight_peer_key& key) -> Traffic* {
        const auto owner = containers.find(key.cgroup);
        if (owner == containers.end() || (!container.empty() && owner->second != container)) return nullptr;
        auto [at, fresh] = found.try_emplace(key);
        if (fresh) {
            at->second.container = owner->second;
            at->second.peer = names.of(key.remote);
            at->second.key = key;
        }
        return &at->second;
    };
    // Connections first: one that ends meanwhile is then in the counters as well, for a moment, and not in neither.
    std::set<ino_t> visited;
    const std::uint64_t now = monotonic_ns();
    std::vector<insight::Connection> open;
    for (const auto& [cgroup, name] : containers) {
        if (!container.empty() && name != container) continue;
        auto more = TRY(connections_of(counters, paths, name, visited));
        open.insert(open.end(), more.begin(), more.end());
    }
    for (const auto& one : TRY(counters.peers()))
        if (Traffic* at = entry(one.key)) at->counters = one.counters;
    for (const auto& one : open)
        if (Traffic* at = entry(one.key)) add(*at, one.now, now);
    std::vector<Traffic> out;
    for (auto& [key, traffic] : found) out.push_back(std::move(traffic));
    TRY(name_rules(paths, out));
    std::ranges::sort(out, std::ranges::greater(), [](const Traffic& one) { return one.counters.last_ns; });
    return out;
}

Result<TrafficWatch> TrafficWatch::begin(const config::Paths& paths, std::string container) {
    TrafficWatch watch(paths, std::move(container), TRY(insight::Watch::begin(paths.bpf, paths.run + "/insight")));
    TRY(watch.denials_.next(paths, watch.only_));
    TRY(watch.look_up());
    return watch;
}

Result<> TrafficWatch::look_up() {
    // One that has ended meanwhile is still somebody's connection.
    for (auto& [cgroup, name] : TRY(counted_containers(*paths_))) containers_.insert_or_assign(cgroup, name);
    names_ = TRY(PeerNames::read(*paths_));
    return {};
}

Result<> TrafficWatch::next(const std::function<void(const TrafficEvent& event)>& use) {
    std::vector<insight_event> events;
    TRY(watch_.read(250, [&](const insight_event& event) { events.push_back(event); }));
    auto denials = TRY(denials_.next(*paths_, only_));
    // Names change only with containers, and then somebody talks.
    if (!events.empty() || !denials.empty()) TRY(look_up());
    for (const insight_event& event : events) {
        const auto owner = containers_.find(event.peer.cgroup);
        if (owner == containers_.end() || (!only_.empty() && owner->second != only_)) continue;
        use({owner->second, names_.of(event.peer.remote), event, "", 1});
    }
    for (const Denial& denial : denials) {
        insight_event event{};
        event.at_ns = denial.counted.last_ns;
        std::copy_n(denial.key.remote, 16, event.peer.remote);
        event.peer.port = denial.key.port;
        event.peer.protocol = denial.key.protocol;
        event.peer.direction = denial.key.direction;
        use({denial.container, names_.of(denial.key.remote), event, reason_text(denial.counted.reason), denial.counted.count});
    }
    return {};
}

}  // namespace gantry::container
