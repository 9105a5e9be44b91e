// IP addresses and subnets of both families as numbers, so that ranges can be counted.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gantry::net {

__extension__ using Number = unsigned __int128;

enum class Family : std::uint8_t { v4, v6 };

struct Address {
    Family family = Family::v4;
    Number value = 0;  // host order; 32 bits for v4

    // inet_pton(3)'s grammar: no zone, no prefix, no leading zeros in v4.
    static Result<Address> parse(std::string_view text);
    // From the 4 or 16 bytes of the wire.
    static Address from_bytes(std::string_view bytes);
    [[nodiscard]] std::string str() const;
    [[nodiscard]] std::string bytes() const;
    bool operator==(const Address&) const = default;
};

struct Cidr {
    Address network;  // host bits are zero
    int prefix = 0;

    // "10.88.0.0/16"; host bits that are set are an error, as the kernel's routes have it.
    static Result<Cidr> parse(std::string_view text);
    static Cidr of(const Address& address, int prefix);
    [[nodiscard]] std::string str() const;
    [[nodiscard]] bool contains(const Address& address) const;
    [[nodiscard]] bool contains(const Cidr& other) const;
    [[nodiscard]] bool overlaps(const Cidr& other) const;
    [[nodiscard]] Address first() const { return network; }
    [[nodiscard]] Address last() const;
    bool operator==(const Cidr&) const = default;
};

constexpr int address_bits(Family family) { return family == Family::v4 ? 32 : 128; }
int address_family(Family family);  // AF_INET, AF_INET6

// "02:42:0a:58:00:02", six bytes; multicast and all-zero ones are no interface's (is_valid_ether_addr in the kernel).
Result<std::string> parse_mac(std::string_view text);
std::string mac_text(std::string_view bytes);
// A locally administered MAC made of the address: leases are unique on a network, so is this.
std::string mac_of(const Address& address);

}  // namespace gantry::net
