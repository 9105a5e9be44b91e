// Addresses as all maps have them, for the user-space halves: see ../address.bpf.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gantry::bpf {

// bytes: the 4 or 16 of the wire; address: zero, and IPv4 as ::ffff:a.b.c.d afterwards (RFC 4291 section 2.5.5.2).
inline void put_address(std::span<std::uint8_t, 16> address, std::string_view bytes) {
    const bool v4 = bytes.size() == 4;
    if (v4) address[10] = address[11] = 0xff;
    bytes.copy(reinterpret_cast<char*>(address.data()) + (v4 ? 12 : 0), v4 ? 4 : 16);
}

}  // namespace gantry::bpf
