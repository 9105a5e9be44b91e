#include "container/policy_impl.hpp"

#include "base/text.hpp"
#include "config/reader.hpp"
#include "container/network_store.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"
#include "os/netns.hpp"
#include "os/process.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <ifaddrs.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gantry::container {

using namespace detail;

namespace detail {

std::string policy_folder(const config::Paths& paths) { return paths.run + "/policy"; }
std::string policy_file(const config::Paths& paths, const std::string& container) {
    return policy_folder(paths) + "/" + container;
}
std::string number_folder(const config::Paths& paths) { return policy_folder(paths) + "/.numbers"; }
std::string number_file(const config::Paths& paths, std::uint32_t number) {
    return fmt::format("{}/{}", number_folder(paths), number);
}

Result<os::Fd> lock_policy(const config::Paths& paths, const std::string& container) {
    TRY(os::make_dirs(policy_folder(paths), 0700));
    return os::lock_name(policy_folder(paths) + "/.lock", container);
}

std::vector<config::Prefix> addresses_of(const Record& record) {
    std::vector<config::Prefix> out;
    for (const auto& network : record.networks)
        for (const std::string& address : network.status.addresses)
            if (auto prefix = config::Prefix::parse(address.substr(0, address.find('/'))); prefix.ok()) out.push_back(*prefix);
    return out;
}

}  // namespace detail

namespace {

using config::NetworkPolicy;
using config::PolicyRule;
using config::Prefix;
using policy::Applied;
using policy::Grant;
using Peer = PolicyRule::Peer;

constexpr std::size_t policy_file_limit = 16U << 20;

// A number that no other policy of this boot has: the link is made by one process only, and says whose it is.
Result<std::uint32_t> reserve_number(const config::Paths& paths, const std::string& name) {
    TRY(os::make_dirs(number_folder(paths), 0700));
    for (int attempt = 0; attempt < 64; ++attempt) {
        std::uint32_t number = 0;
        if (getrandom(&number, sizeof number, 0) != sizeof number) return errno_error("draw a number");
        number >>= 1;  // a scope has one bit more
        if (number == 0) continue;
        if (symlink(name.c_str(), number_file(paths, number).c_str()) == 0) return number;
        if (errno != EEXIST) return errno_error("reserve number {}", number);
    }
    return error(Errc::no_space, "no free number for a policy");
}

void free_number(const config::Paths& paths, std::uint32_t number) { unlink(number_file(paths, number).c_str()); }

bool names_containers(const std::optional<std::vector<PolicyRule>>& rules) {
    return rules && std::ranges::any_of(*rules, [](const PolicyRule& rule) {
               return rule.peer == Peer::container || rule.peer == Peer::label;
           });
}
bool has_peer(const NetworkPolicy& rules, Peer peer) {
    const auto in = [&](const auto& list) {
        return list && std::ranges::any_of(*list, [&](const PolicyRule& rule) { return rule.peer == peer; });
    };
    return in(rules.egress) || in(rules.ingress);
}

// What is asked of a container that a rule may mean.
struct Candidate {
    std::string name;
    std::map<std::string, std::string> labels;
    std::vector<Prefix> addresses;
};

Candidate candidate_of(const Record& record, bool with_labels) {
    Candidate out{record.name, {}, addresses_of(record)};
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

// Addresses of this host that something could come from or go to. Link-local ones of IPv6 are left out: every veth has one.
Result<std::vector<Prefix>> host_addresses() {
    // PID 1's namespace: a launcher whose container shares another's network has joined that already.
    const os::Fd home = TRY(os::open("/proc/1/ns/net", O_RDONLY));
    const auto visit = TRY(os::NetnsVisit::enter(home.get()));
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return errno_error("list the host's addresses");
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
    std::vector<Prefix> out;
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr) continue;
        Prefix prefix;
        if (at->ifa_addr->sa_family == AF_INET) {
            const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
            prefix.address[10] = prefix.address[11] = 0xff;
            std::memcpy(prefix.address.data() + 12, &address->sin_addr, 4);
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            const auto* address = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
            if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)) continue;
            std::memcpy(prefix.address.data(), &address->sin6_addr, 16);
        } else {
            continue;
        }
        out.push_back(prefix);
    }
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::vector<Prefix> loopback() { return {Prefix::parse("127.0.0.0/8").value(), Prefix::parse("::1").value()}; }

// The servers of the container's resolv.conf: who may talk to anybody by name must be able to ask for names.
std::vector<Prefix> resolvers_of(const config::Paths& paths, const std::string& name) {
    std::vector<Prefix> out;
    const std::string text = os::read_file(paths.record(name) + "/resolv.conf", 65536).value_or("");
    for (const auto line : split(text, '\n'))
        if (line.starts_with("nameserver "))
            if (auto prefix = Prefix::parse(line.substr(11)); prefix.ok()) out.push_back(*prefix);
    return out;
}

// All addresses that rules speak of, looked up once.
class PeerResolver {
public:
    // starts: the container is about to run.
    PeerResolver(const config::Paths& paths, const Record& record, bool own_net, bool starts = false)
        : paths_(paths), record_(record), own_net_(own_net), starts_(starts) {}

    Result<Applied> run(const NetworkPolicy& rules) {
        Applied out;
        out.rules = rules;
        out.own_net = own_net_;
        if (names_containers(rules.egress) || names_containers(rules.ingress)) {
            const bool labels = has_peer(rules, Peer::label);
            for (const std::string& name : TRY(list_records(paths_))) {
                if (name == record_.name || is_ending(paths_, name)) continue;
                // A container that ends meanwhile has no record any more.
                if (const auto record = read_record(paths_, name); record.ok())
                    candidates_.push_back(candidate_of(*record, labels));
            }
        }
        if (has_peer(rules, Peer::host) || has_peer(rules, Peer::world)) {
            host_ = TRY(host_addresses());
            for (const Prefix& prefix : loopback()) host_.push_back(prefix);
        }
        if (has_peer(rules, Peer::world)) {
            out.inside = host_;
            // What does not leave the link reaches the host and the neighbours; 169.254.0.0/16 has metadata services.
            for (const char* text : {"fe80::/10", "ff00::/8", "224.0.0.0/4", "255.255.255.255", "169.254.0.0/16", "0.0.0.0/8"})
                out.inside.push_back(TRY(Prefix::parse(text)));
            for (const auto& network : TRY(read_networks(paths_)))
                for (const auto& subnet : network.config.subnets) out.inside.push_back(TRY(Prefix::parse(subnet.cidr)));
        }
        if (rules.egress) out.egress = TRY(grants(*rules.egress));
        if (rules.ingress) out.ingress = TRY(grants(*rules.ingress));
        if (rules.egress)
            for (const Prefix& server : resolvers_of(paths_, record_.name))
                out.egress.push_back({server, 0, {{IPPROTO_TCP, 53, 53}, {IPPROTO_UDP, 53, 53}}});
        if (own_net_) {
            std::vector<Prefix> self = addresses_of(record_);
            for (const Prefix& prefix : loopback()) self.push_back(prefix);
            for (const Prefix& prefix : self)
                for (auto* list : {&out.egress, &out.ingress}) list->push_back({prefix, 0, {}});
        }
        return out;
    }

private:
    Result<std::vector<Grant>> grants(const std::vector<PolicyRule>& rules) {
        std::vector<Grant> out;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            const PolicyRule& rule = rules[i];
            const auto add = [&](const Prefix& prefix) {
                out.push_back({prefix, static_cast<std::uint32_t>(i + 1), rule.ports});
            };
            if (rule.peer == Peer::prefix) add(rule.prefix);
            if (rule.peer == Peer::host)
                for (const Prefix& prefix : host_) add(prefix);
            if (rule.peer == Peer::network) {
                const auto network = read_network(paths_, rule.name);
                // One that was removed meanwhile has no addresses; at a start it is a mistake.
                if (!network.ok() && (starts_ || network.error().code() != Errc::not_found)) return network.error();
                if (network.ok())
                    for (const auto& subnet : network->config.subnets)
                        add(TRY_CONTEXT(Prefix::parse(subnet.cidr), "network '{}'", rule.name));
            }
            for (const Candidate& candidate : candidates_)
                if (means(rule, candidate))
                    for (const Prefix& prefix : candidate.addresses) add(prefix);
        }
        return out;
    }

    const config::Paths& paths_;
    const Record& record_;
    bool own_net_;
    bool starts_;
    std::vector<Candidate> candidates_;
    std::vector<Prefix> host_;
};

// Replaces what is in force for a container by what the rules mean now. The caller holds the policy's lock.
Result<> replace(const config::Paths& paths, policy::Programs& programs, const Record& record, const Applied& before,
                 Applied wanted) {
    wanted.owner = before.owner;
    wanted.cgroup = before.cgroup;
    wanted.policy = TRY(reserve_number(paths, record.name));
    const auto all = [&]() -> Result<> {
        TRY(programs.put(wanted.tables()));
        TRY(os::write_file_atomic(policy_file(paths, record.name), wanted.text(), 0600, false));
        return programs.set_state(wanted.cgroup, {wanted.owner, wanted.policy, wanted.flags()});
    };
    const auto done = all();
    const Applied& old = done.ok() ? before : wanted;
    if (!done.ok()) [[maybe_unused]]
        const auto written = os::write_file_atomic(policy_file(paths, record.name), before.text(), 0600, false);
    // Until no processor is in a program that began with the old number (membarrier(2): a grace period of RCU).
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    FirstError first;
    first.note(done);
    first.note(programs.erase(old.tables()));
    // The owner's number stays the container's, over all its policies.
    if (old.policy != before.owner) free_number(paths, old.policy);
    return first.result();
}

}  // namespace

bool is_policy_file(std::string_view name) { return !name.starts_with('.') && name.find(".tmp-") == std::string_view::npos; }

bool is_ending(const config::Paths& paths, const std::string& name) {
    return access((paths.record(name) + "/ending").c_str(), F_OK) == 0;
}

Result<policy::Programs> policy_programs(const config::Paths& paths) {
    struct statfs info {};
    if (statfs("/sys/fs/bpf", &info) != 0 || static_cast<std::uint64_t>(info.f_type) != BPF_FS_MAGIC)
        return error(Errc::unsupported, "no bpffs is mounted on '/sys/fs/bpf'");
    return policy::Programs::open(paths.bpf, [](const std::string& into) -> Result<> {
        const os::Finished loaded = TRY(os::run({{GANTRY_LIBEXECDIR "/gantry-bpf-load", "policy", into}, "", 65536}));
        if (loaded.status == 0) return {};
        std::string said = loaded.errors.substr(0, loaded.errors.find('\n'));
        return error(Errc::unsupported, "{}",
                     said.empty() ? fmt::format("gantry-bpf-load ended with {}", loaded.status) : said);
    });
}

Result<> apply_policy(const config::Paths& paths, const Record& record, const NetworkPolicy& rules, const std::string& cgroup,
                      bool own_net) {
    // What an earlier run left, if its reaper was killed.
    TRY(release_policy(paths, record.name));
    if (rules.empty()) return {};
    const os::Fd lock = TRY(lock_policy(paths, record.name));
    policy::Programs programs = TRY(policy_programs(paths));
    const os::Fd group = TRY(os::open(cgroup, O_RDONLY | O_DIRECTORY));
    Applied applied = TRY(PeerResolver(paths, record, own_net, true).run(rules));
    applied.owner = applied.policy = TRY(reserve_number(paths, record.name));
    applied.cgroup = TRY(os::cgroup_id(group.get()));
    const auto all = [&]() -> Result<> {
        TRY(os::write_file_atomic(policy_file(paths, record.name), applied.text(), 0600, false));
        TRY(programs.put(applied.tables()));
        TRY(programs.attach(group.get(), record.name));
        return programs.set_state(applied.cgroup, {applied.owner, applied.policy, applied.flags()});
    };
    auto done = all();
    if (!done.ok()) {
        [[maybe_unused]] const auto detached = programs.detach(record.name);
        [[maybe_unused]] const auto erased = programs.erase(applied.tables());
        unlink(policy_file(paths, record.name).c_str());
        free_number(paths, applied.owner);
    }
    return done;
}

Result<> set_policy(const config::Paths& paths, const std::string& name, const NetworkPolicy& rules) {
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto before = TRY(read_policy(paths, name));
    if (!before)
        return error(Errc::unsupported, "container '{}' was started without a policy: its definition needs one at the start",
                     name);
    const Record record = TRY(read_record(paths, name));
    policy::Programs programs = TRY(policy_programs(paths));
    return replace(paths, programs, record, *before, TRY(PeerResolver(paths, record, before->own_net).run(rules)));
}

Result<std::optional<Applied>> read_policy(const config::Paths& paths, const std::string& name) {
    const auto text = os::read_file(policy_file(paths, name), policy_file_limit);
    if (!text.ok() && text.error().code() == Errc::not_found) return std::optional<Applied>();
    if (!text.ok()) return text.error();
    return std::optional(TRY_CONTEXT(Applied::parse(*text), "policy '{}'", policy_file(paths, name)));
}

Result<> release_policy(const config::Paths& paths, const std::string& name) {
    if (access(policy_file(paths, name).c_str(), F_OK) != 0) return {};
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto applied = read_policy(paths, name);
    policy::Programs programs = TRY(policy_programs(paths));
    FirstError first;
    first.note(programs.detach(name));
    if (applied.ok() && *applied) {
        first.note(programs.erase((*applied)->tables()));
        first.note(programs.forget((*applied)->owner));
        free_number(paths, (*applied)->policy);
        free_number(paths, (*applied)->owner);
    } else if (!applied.ok()) {
        first.note(applied.error());
    }
    if (auto so_far = first.result(); !so_far.ok() && applied.ok()) return so_far;
    return os::remove_tree(policy_file(paths, name));
}

Result<> refresh_policies(const config::Paths& paths, const Record& container) {
    const auto names = os::list_dir(policy_folder(paths));
    if (!names.ok()) return {};  // nobody has a policy
    FirstError first;
    std::optional<Candidate> who;
    for (const std::string& name : *names) {
        if (!is_policy_file(name) || name == container.name) continue;
        const auto text = os::read_file(policy_file(paths, name), policy_file_limit);
        const auto quick = text.ok() ? Applied::parse(*text) : Result<Applied>(text.error());
        if (!quick.ok() || (!names_containers(quick->rules.egress) && !names_containers(quick->rules.ingress))) continue;
        if (!who) who = candidate_of(container, true);
        const auto concerns = [&](const auto& rules, const std::vector<Grant>& grants) {
            return (rules && std::ranges::any_of(*rules, [&](const PolicyRule& rule) { return means(rule, *who); })) ||
                   std::ranges::any_of(grants, [&](const Grant& grant) {
                       return grant.rule != 0 && std::ranges::find(who->addresses, grant.prefix) != who->addresses.end();
                   });
        };
        if (!concerns(quick->rules.egress, quick->egress) && !concerns(quick->rules.ingress, quick->ingress)) continue;
        const auto again = [&]() -> Result<> {
            const os::Fd lock = TRY(lock_policy(paths, name));
            const auto before = TRY(read_policy(paths, name));
            const auto record = read_record(paths, name);
            if (!before || !record.ok()) return {};  // it ends
            Applied wanted = TRY(PeerResolver(paths, *record, before->own_net).run(before->rules));
            if (wanted.egress == before->egress && wanted.ingress == before->ingress && wanted.inside == before->inside)
                return {};
            policy::Programs programs = TRY(policy_programs(paths));
            return replace(paths, programs, *record, *before, std::move(wanted));
        };
        first.note(again().context(fmt::format("policy of container '{}'", name)));
    }
    return first.result();
}

}  // namespace gantry::container
