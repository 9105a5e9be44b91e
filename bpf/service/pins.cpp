#include "service/pins.hpp"

#include "load/address.hpp"
#include "base/hash.hpp"
#include "load/pins.hpp"
#include "os/netns.hpp"
#include "service_build.hpp"

namespace gantry::service {

namespace {

constexpr bpf::CgroupHook hooks[] = {
    {"service_connect4", BPF_CGROUP_INET4_CONNECT},         {"service_connect6", BPF_CGROUP_INET6_CONNECT},
    {"service_sendmsg4", BPF_CGROUP_UDP4_SENDMSG},          {"service_sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
    {"service_recvmsg4", BPF_CGROUP_UDP4_RECVMSG},          {"service_recvmsg6", BPF_CGROUP_UDP6_RECVMSG},
    {"service_getpeername4", BPF_CGROUP_INET4_GETPEERNAME}, {"service_getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
};

bpf::PinFolder pins_of(const std::string& folder) { return {folder, "service", build}; }

}  // namespace

Result<Pins> Pins::open_in(const std::string& pins) {
    Pins opened;
    opened.services_ = TRY(os::bpf_open(pins + "/services"));
    opened.slots_ = TRY(os::bpf_open(pins + "/slots"));
    opened.places_ = TRY(os::bpf_open(pins + "/places"));
    opened.host_ = TRY(os::bpf_open(pins + "/host"));
    return opened;
}

Result<Pins> Pins::open(const std::string& folder) { return open_in(pins_of(folder).path()); }

Result<Pins> Pins::open_or_make(const std::string& folder, const std::string& lock, const Making& making) {
    return bpf::open_or_make_pins(pins_of(folder), lock, open_in, [&](const std::string& fresh) -> Result<> {
        TRY(making.load(fresh));
        Pins made = TRY(open_in(fresh));
        return making.fill(made, fresh);
    });
}

Result<> Pins::attach(int cgroup, const std::string& folder) {
    const std::uint32_t first = 0;
    const std::uint64_t cookie = TRY(os::netns_cookie());
    TRY(os::bpf_put(host_.get(), &first, &cookie));
    return bpf::link_programs(hooks, folder, cgroup, folder + "/link_");
}

// Slots are written in their order, so what a killed process left of a round is found in it too.
Result<> Pins::erase_round(const service_address& service, std::uint32_t round, std::uint32_t from) {
    for (std::uint32_t number = from;; ++number) {
        const service_slot_key key{service, round, number};
        service_slot slot{};
        if (!TRY(os::bpf_get(slots_.get(), &key, &slot))) return {};
        TRY(os::bpf_erase(slots_.get(), &key));
    }
}

Result<> Pins::put(const service_address& address, std::uint64_t network, const std::vector<Backend>& backends) {
    service_set before{};
    const bool known = TRY(os::bpf_get(services_.get(), &address, &before));
    const std::vector<service_slot> slots = slots_of(backends);
    const service_set now{network, before.round + 1, static_cast<std::uint32_t>(slots.size())};
    for (std::uint32_t number = 0; number < now.count; ++number) {
        const service_slot_key key{address, now.round, number};
        TRY(os::bpf_put(slots_.get(), &key, &slots[number]));
    }
    TRY(erase_round(address, now.round, now.count));
    TRY(os::bpf_put(services_.get(), &address, &now));
    return known ? erase_round(address, before.round, 0) : Result<>();
}

Result<> Pins::erase(const service_address& address) {
    service_set before{};
    if (!TRY(os::bpf_get(services_.get(), &address, &before))) return {};
    TRY(os::bpf_erase(services_.get(), &address));
    TRY(erase_round(address, before.round, 0));
    return erase_round(address, before.round + 1, 0);
}

Result<> Pins::put(const service_place& place) {
    const std::uint8_t there = 1;
    return os::bpf_put(places_.get(), &place, &there);
}

Result<> Pins::erase(const service_place& place) { return os::bpf_erase(places_.get(), &place); }

service_address address_of(std::string_view bytes) {
    service_address address{};
    bpf::put_address(address.bytes, bytes);
    return address;
}

std::uint64_t network_number(std::string_view name) { return fnv1a(name); }

}  // namespace gantry::service
