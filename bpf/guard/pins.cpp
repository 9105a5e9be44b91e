#include "guard/pins.hpp"

#include "guard_build.hpp"
#include "load/pins.hpp"

#include <algorithm>

namespace gantry::guard {

namespace {

constexpr int sweep_looks = 4;

}  // namespace

Result<Pins> Pins::open_in(const std::string& pins) {
    Pins opened;
    opened.program_ = TRY(os::bpf_open(pins + "/guard_from_container"));
    opened.ports_ = TRY(os::bpf_open(pins + "/ports"));
    return opened;
}

Result<Pins> Pins::open_or_make(const std::string& folder, const std::string& lock,
                                const std::function<Result<>(const std::string& into)>& load) {
    return bpf::open_or_make_pins({folder, "guard", build}, lock, open_in, load);
}

Result<> Pins::put(std::uint32_t interface, const guard_port& port) { return os::bpf_put(ports_.get(), &interface, &port); }

Result<> Pins::erase(std::uint32_t interface) { return os::bpf_erase(ports_.get(), &interface); }

Result<> Pins::sweep(std::uint32_t behind, const std::function<bool(std::uint32_t interface)>& exists) {
    const std::uint32_t own = behind;
    for (int look = 0; look < sweep_looks; ++look) {
        std::uint32_t next = 0;
        // Behind the last one comes the first.
        if (!TRY(os::bpf_next_key(ports_.get(), &behind, &next)) && !TRY(os::bpf_next_key(ports_.get(), nullptr, &next)))
            return {};
        if (next == own) return {};
        if (exists(next))
            behind = next;
        else
            TRY(erase(next));
    }
    return {};
}

guard_port port_of(std::string_view mac, const std::vector<std::string>& addresses) {
    guard_port port{};
    mac.copy(reinterpret_cast<char*>(port.mac), sizeof port.mac);
    for (const std::string& address : addresses) {
        if (address.size() == sizeof port.v4) address.copy(reinterpret_cast<char*>(port.v4), sizeof port.v4);
        if (address.size() == sizeof port.v6) address.copy(reinterpret_cast<char*>(port.v6), sizeof port.v6);
    }
    const std::uint8_t* m = port.mac;
    const std::uint8_t local[16] = {0xfe, 0x80, 0,    0,    0,    0,    0,   0, static_cast<std::uint8_t>(m[0] ^ 2),
                                    m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
    std::ranges::copy(local, port.link_local);
    return port;
}

}  // namespace gantry::guard
