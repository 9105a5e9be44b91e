#include "route/pins.hpp"

#include "load/address.hpp"
#include "load/pins.hpp"
#include "os/file.hpp"
#include "os/netns.hpp"
#include "route_build.hpp"

namespace gantry::route {

namespace {

constexpr bpf::CgroupHook hooks[] = {
    {"route_connect4", BPF_CGROUP_INET4_CONNECT},         {"route_connect6", BPF_CGROUP_INET6_CONNECT},
    {"route_sendmsg4", BPF_CGROUP_UDP4_SENDMSG},          {"route_sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
    {"route_recvmsg4", BPF_CGROUP_UDP4_RECVMSG},          {"route_recvmsg6", BPF_CGROUP_UDP6_RECVMSG},
    {"route_getpeername4", BPF_CGROUP_INET4_GETPEERNAME}, {"route_getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
};

bpf::PinFolder pins_of(const std::string& folder) { return {folder, "route", build}; }

}  // namespace

Result<Pins> Pins::open_in(const std::string& pins) {
    Pins opened;
    opened.folder_ = pins;
    opened.from_container_ = TRY(os::bpf_open(pins + "/route_from_container"));
    opened.to_container_ = TRY(os::bpf_open(pins + "/route_to_container"));
    opened.from_outside_ = TRY(os::bpf_open(pins + "/route_from_outside"));
    opened.let_in_ = TRY(os::bpf_open(pins + "/route_let_in"));
    opened.wires_ = TRY(os::bpf_open(pins + "/wires"));
    opened.containers_ = TRY(os::bpf_open(pins + "/containers"));
    opened.ports_ = TRY(os::bpf_open(pins + "/ports"));
    opened.flows_ = TRY(os::bpf_open(pins + "/flows"));
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

Result<> Pins::attach_host(int cgroup, const std::string& folder) {
    const std::uint32_t first = 0;
    const std::uint64_t cookie = TRY(os::netns_cookie());
    TRY(os::bpf_put(host_.get(), &first, &cookie));
    return bpf::link_programs(hooks, folder, cgroup, folder + "/link_");
}

// A number that the kernel gives to no second interface before it has given all of them.
std::string Pins::outside_pin(std::uint32_t interface) const { return fmt::format("{}/link_outside_{}", folder_, interface); }

bool Pins::is_attached_outside(std::uint32_t interface) const { return os::path_exists(outside_pin(interface)); }

// Pinned links: with the programs of another build theirs go, too (bpf::make_pins).
Result<> Pins::attach_outside(std::uint32_t interface, bool let_in) {
    if (is_attached_outside(interface)) return {};
    const auto link = os::bpf_link_interface((let_in ? let_in_ : from_outside_).get(), interface, os::InterfaceSide::ingress);
    // Another start is faster.
    const auto pinned = link.ok() ? os::bpf_pin(link->get(), outside_pin(interface)) : Result<>(link.error());
    return !pinned.ok() && pinned.error().code() == Errc::exists ? Result<>() : pinned;
}

Result<> Pins::put(std::uint32_t interface, const route_wire& wire) { return os::bpf_put(wires_.get(), &interface, &wire); }

Result<> Pins::put(const route_address& address, const route_container& container) {
    return os::bpf_put(containers_.get(), &address, &container);
}

Result<bool> Pins::find(const route_address& address, route_container& container) {
    return os::bpf_get(containers_.get(), &address, &container);
}

Result<> Pins::erase(const route_address& address) {
    route_container container{};
    if (!TRY(find(address, container))) return {};
    TRY(os::bpf_erase(wires_.get(), &container.wire));
    return os::bpf_erase(containers_.get(), &address);
}

Result<> Pins::put(const route_port& port, const route_endpoint& endpoint) {
    return os::bpf_put(ports_.get(), &port, &endpoint);
}

Result<> Pins::erase(const route_port& port, const route_endpoint& endpoint) {
    route_endpoint found{};
    if (!TRY(os::bpf_get(ports_.get(), &port, &found)) || std::memcmp(&found, &endpoint, sizeof found) != 0) return {};
    return os::bpf_erase(ports_.get(), &port);
}

Result<> Pins::put(const route_flow& flow, const route_endpoint& endpoint) {
    return os::bpf_put(flows_.get(), &flow, &endpoint);
}

Result<> Pins::erase(const route_flow& flow) { return os::bpf_erase(flows_.get(), &flow); }

route_address address_of(std::string_view bytes) {
    route_address address{};
    bpf::put_address(address.bytes, bytes);
    return address;
}

}  // namespace gantry::route
