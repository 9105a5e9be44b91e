#include "policy/programs.hpp"

#include "base/clock.hpp"
#include "load/pins.hpp"
#include "os/file.hpp"
#include "policy_build.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gantry::policy {

namespace {

constexpr bpf::CgroupHook hooks[] = {
    {"policy_egress", BPF_CGROUP_INET_EGRESS},     {"policy_ingress", BPF_CGROUP_INET_INGRESS},
    {"policy_connect4", BPF_CGROUP_INET4_CONNECT}, {"policy_connect6", BPF_CGROUP_INET6_CONNECT},
    {"policy_bind4", BPF_CGROUP_INET4_BIND},       {"policy_bind6", BPF_CGROUP_INET6_BIND},
    {"policy_established", BPF_CGROUP_SOCK_OPS},
};

void append(std::vector<std::byte>& frame, std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) frame.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

void append_bytes(std::vector<std::byte>& frame, const std::uint8_t* from, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) frame.push_back(static_cast<std::byte>(from[i]));
}

// An Ethernet frame with the first packet of such a flow.
std::vector<std::byte> frame_of(const Question& question, policy_direction direction) {
    const bool out = direction == POLICY_EGRESS, v4 = question.remote.is_v4();
    std::vector<std::byte> payload;
    const std::uint16_t source = out ? 40000 : 40001, target = question.port;
    std::uint8_t protocol = question.protocol;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
        protocol = static_cast<std::uint8_t>(v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
        append(payload, v4 ? 8U : 128U, 1);  // echo request
        append(payload, 0U, 7);
    } else {
        append(payload, source, 2);
        append(payload, target, 2);
        append(payload, 0U, 8);
        append(payload, 0x5002U, 2);  // TCP: header of 20 bytes, SYN
        append(payload, 0U, 6);
    }
    std::vector<std::byte> frame(12, std::byte{2});
    append(frame, v4 ? unsigned{ETH_P_IP} : unsigned{ETH_P_IPV6}, 2);
    const std::uint8_t self[16] = {};
    const std::uint8_t* remote = question.remote.address.data();
    if (v4) {
        append(frame, 0x4500U, 2);
        append(frame, 20 + payload.size(), 2);
        append(frame, 0U, 4);
        append(frame, 64U << 8 | protocol, 2);
        append(frame, 0U, 2);
        append_bytes(frame, out ? self : remote + 12, 4);
        append_bytes(frame, out ? remote + 12 : self, 4);
    } else {
        append(frame, 0x60000000U, 4);
        append(frame, payload.size(), 2);
        append(frame, static_cast<unsigned>(protocol) << 8 | 64U, 2);
        append_bytes(frame, out ? self : remote, 16);
        append_bytes(frame, out ? remote : self, 16);
    }
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

template <class Key, class Test>
Result<> erase_where(int map, Test test) {
    return os::bpf_each_key(map, sizeof(Key), [&](std::span<const std::byte> bytes) -> Result<> {
        Key key{};
        std::memcpy(&key, bytes.data(), sizeof key);
        return test(key) ? os::bpf_erase(map, &key) : Result<>();
    });
}

}  // namespace

std::string this_build() { return build; }

// A bpffs takes no name with a dot in it (kernel/bpf/inode.c, bpf_lookup); a container's name has no comma.
std::string Programs::links_of(std::string container) const {
    std::ranges::replace(container, '.', ',');
    return folder_ + "/ctr/" + container;
}

Result<> Programs::open_all(const std::string& pins) {
    states_ = TRY(os::bpf_open(pins + "/states"));
    targets_ = TRY(os::bpf_open(pins + "/targets"));
    ports_ = TRY(os::bpf_open(pins + "/ports"));
    names_ = TRY(os::bpf_open(pins + "/names"));
    permits_ = TRY(os::bpf_open(pins + "/permits"));
    answers_ = TRY(os::bpf_open(pins + "/answers"));
    flows_ = TRY(os::bpf_open(pins + "/flows"));
    denials_ = TRY(os::bpf_open(pins + "/denials"));
    pins_ = pins;
    return {};
}

Result<Programs> Programs::open(const std::string& folder, const std::function<Result<>(const std::string& into)>& load) {
    Programs programs(folder);
    const std::string pins = folder + "/policy-" + build;
    auto there = programs.open_all(pins);
    if (there.ok()) return programs;
    if (there.error().code() != Errc::not_found) return std::move(there).error();
    TRY(os::make_dirs(folder, 0700));
    const std::string mine = fmt::format("{}-{}", pins, getpid());
    TRY(bpf::remove_pins(mine));
    auto loaded = load(mine);
    // A folder with pins in it is not replaced: the other process was first.
    if (loaded.ok() && rename(mine.c_str(), pins.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        loaded = errno_error("rename '{}'", mine);
    const auto removed = bpf::remove_pins(mine);
    TRY(std::move(loaded));
    TRY(removed);
    TRY(programs.open_all(pins));
    return programs;
}

std::string Programs::of_sockets(const std::string& container) { return container + "@socket"; }

Result<> Programs::attach(int cgroup, const std::string& container, const policy_state& state) {
    // The new ones decide before those of before go: a container that runs is never without.
    const std::string links = links_of(container), fresh = links + "+new";
    TRY(bpf::remove_pins(fresh));
    TRY(os::make_dirs(fresh, 0700));
    const auto all = [&]() -> Result<> {
        TRY(bpf::link_programs(hooks, pins_, cgroup, fresh + "/"));
        return set_state(TRY(os::cgroup_id(cgroup)), state);
    };
    auto attached = all();
    if (!attached.ok()) [[maybe_unused]]
        const auto removed = bpf::remove_pins(fresh);
    TRY(std::move(attached));
    TRY(bpf::remove_pins(links));
    if (rename(fresh.c_str(), links.c_str()) != 0) return errno_error("rename '{}'", fresh);
    return {};
}

bool Programs::attached(const std::string& container) const {
    return std::ranges::all_of(hooks, [&](const bpf::CgroupHook& hook) {
        return access((links_of(container) + "/" + hook.program).c_str(), F_OK) == 0;
    });
}

Result<> Programs::detach(const std::string& container) {
    FirstError first;
    for (const std::string& links : {links_of(container), links_of(of_sockets(container))}) {
        first.note(bpf::remove_pins(links + "+new"));
        first.note(bpf::remove_pins(links));
    }
    return first.result();
}

Result<> Programs::put(const Tables& tables) {
    // What is named comes before what names it.
    for (const auto& [key, rule] : tables.ports) TRY(os::bpf_put(ports_.get(), &key, &rule));
    for (const auto& [key, target] : tables.targets) TRY(os::bpf_put(targets_.get(), &key, &target));
    for (const auto& [key, permit] : tables.permits) TRY(os::bpf_put(permits_.get(), &key, &permit));
    for (const auto& [key, pattern] : tables.names) TRY(os::bpf_put(names_.get(), &key, &pattern));
    return {};
}

Result<> Programs::erase(const Tables& tables) {
    FirstError first;
    for (const auto& [key, pattern] : tables.names) first.note(os::bpf_erase(names_.get(), &key));
    for (const auto& [key, permit] : tables.permits) first.note(os::bpf_erase(permits_.get(), &key));
    for (const auto& [key, target] : tables.targets) first.note(os::bpf_erase(targets_.get(), &key));
    for (const auto& [key, rule] : tables.ports) first.note(os::bpf_erase(ports_.get(), &key));
    return first.result();
}

Result<> Programs::erase_policy(std::uint32_t policy) {
    const auto of_it = [&](std::uint32_t number) { return number / 2 == policy / 2; };
    TRY(erase_where<policy_name_key>(names_.get(), [&](const auto& key) { return of_it(key.policy); }));
    TRY(erase_where<policy_permit_key>(permits_.get(), [&](const auto& key) { return of_it(key.policy); }));
    TRY(erase_where<policy_target_key>(targets_.get(), [&](const auto& key) { return of_it(key.scope / 2); }));
    return erase_where<policy_port_key>(ports_.get(), [&](const auto& key) { return of_it(key.scope / 2); });
}

Result<> Programs::set_state(std::uint64_t cgroup, const policy_state& state) {
    return os::bpf_put(states_.get(), &cgroup, &state, BPF_EXIST).context("the cgroup's storage");
}

Result<std::optional<policy_state>> Programs::state(std::uint64_t cgroup) {
    policy_state state{};
    if (!TRY(os::bpf_get(states_.get(), &cgroup, &state))) return std::optional<policy_state>();
    return std::optional(state);
}

Result<Verdict> Programs::test(const policy_state& state, policy_direction direction, const Question& question) {
    const os::Fd program =
        TRY(os::bpf_open(pins_ + (direction == POLICY_EGRESS ? "/policy_test_egress" : "/policy_test_ingress")));
    __sk_buff context{};
    context.cb[0] = state.policy;
    context.cb[1] = state.flags;
    context.cb[2] = state.owner;
    TRY(os::bpf_run(program.get(), frame_of(question, direction), context));
    return Verdict{context.cb[0] != 0, context.cb[1], context.cb[2]};
}

Result<std::vector<Programs::Learned>> Programs::learned(std::uint32_t owner) {
    const std::uint64_t now_ns = monotonic_ns();
    std::vector<Learned> out;
    TRY(os::bpf_each_key(answers_.get(), sizeof(policy_answer_key), [&](std::span<const std::byte> bytes) -> Result<> {
        policy_answer_key key{};
        policy_answer answer{};
        std::memcpy(&key, bytes.data(), sizeof key);
        if (key.owner != owner || !TRY(os::bpf_get(answers_.get(), &key, &answer))) return {};
        for (const auto& one : answer.of) {
            if (one.pattern == 0 || one.until_ns < now_ns) continue;
            Learned learned{{}, one.pattern};
            std::ranges::copy(key.remote, learned.address.address.begin());
            out.push_back(learned);
        }
        return {};
    }));
    std::ranges::sort(out, {}, [](const Learned& one) { return one.address; });
    return out;
}

Result<> Programs::remove_build(const std::string& other) {
    return bpf::remove_pins(fmt::format("{}/policy-{}", folder_, other));
}

Result<> Programs::forget(std::uint32_t owner) {
    TRY(erase_where<policy_answer_key>(answers_.get(), [&](const auto& key) { return key.owner == owner; }));
    TRY(erase_where<policy_flow_key>(flows_.get(), [&](const auto& key) { return key.owner == owner; }));
    return erase_where<policy_denial_key>(denials_.get(), [&](const auto& key) { return key.owner == owner; });
}

}  // namespace gantry::policy
