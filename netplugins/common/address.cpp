#include "address.hpp"

#include "base/hash.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cctype>

namespace gantry::net {

namespace {

Number mask_of(Family family, int prefix) {
    const int host_bits = address_bits(family) - prefix;
    const Number all = family == Family::v4 ? Number{0xffffffffU} : ~Number{0};
    return host_bits >= address_bits(family) ? Number{0} : all & ~((Number{1} << host_bits) - 1);
}

}  // namespace

int address_family(Family family) { return family == Family::v4 ? AF_INET : AF_INET6; }

Result<Address> Address::parse(std::string_view text) {
    const std::string copy(text);
    char bytes[16];
    if (copy.size() == text.size() && copy.find('\0') == std::string::npos) {
        if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return from_bytes({bytes, 4});
        if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return from_bytes({bytes, 16});
    }
    return error(Errc::invalid, "'{}' is not an IP address", text);
}

Address Address::from_bytes(std::string_view bytes) {
    Address address;
    address.family = bytes.size() == 16 ? Family::v6 : Family::v4;
    for (const char byte : bytes) address.value = address.value << 8 | static_cast<unsigned char>(byte);
    return address;
}

std::string Address::bytes() const {
    std::string bytes(static_cast<std::size_t>(address_bits(family)) / 8, '\0');
    Number rest = value;
    for (auto at = bytes.rbegin(); at != bytes.rend(); ++at, rest >>= 8) *at = static_cast<char>(rest & 0xff);
    return bytes;
}

std::string Address::str() const {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(address_family(family), bytes().data(), text, sizeof text);
    return text;
}

Result<Cidr> Cidr::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return error(Errc::invalid, "'{}' is not a subnet: ADDRESS/PREFIX is wanted", text);
    auto address = Address::parse(text.substr(0, slash));
    if (!address.ok()) return error(Errc::invalid, "'{}' is not a subnet: ADDRESS/PREFIX is wanted", text);
    const std::string_view digits = text.substr(slash + 1);
    int prefix = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (problem != std::errc() || end != digits.data() + digits.size() || digits.front() == '-' ||
        prefix > address_bits(address->family))
        return error(Errc::invalid, "'{}' is not a subnet: the prefix is wrong", text);
    const Cidr cidr = Cidr::of(*address, prefix);
    if (cidr.network != *address) return error(Errc::invalid, "'{}' has host bits set, did you mean '{}'", text, cidr.str());
    return cidr;
}

Cidr Cidr::of(const Address& address, int prefix) {
    Cidr cidr{address, prefix};
    cidr.network.value &= mask_of(address.family, prefix);
    return cidr;
}

std::string Cidr::str() const { return fmt::format("{}/{}", network.str(), prefix); }

bool Cidr::contains(const Address& address) const {
    return address.family == network.family && (address.value & mask_of(address.family, prefix)) == network.value;
}

bool Cidr::contains(const Cidr& other) const { return other.prefix >= prefix && contains(other.network); }

bool Cidr::overlaps(const Cidr& other) const { return contains(other.network) || other.contains(network); }

Address Cidr::last() const {
    Address address = network;
    address.value |= ~mask_of(network.family, prefix);
    if (network.family == Family::v4) address.value &= 0xffffffffU;
    return address;
}

Result<std::string> parse_mac(std::string_view text) {
    std::string bytes;
    bool good = text.size() == 17;
    for (std::size_t at = 0; good && at < text.size(); at += 3) {
        unsigned value = 0;
        const auto [end, problem] = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
        good = problem == std::errc() && end == text.data() + at + 2 && (at + 2 == text.size() || text[at + 2] == ':');
        bytes.push_back(static_cast<char>(value));
    }
    if (!good) return error(Errc::invalid, "'{}' is not a MAC address: six pairs of hexadecimal digits are wanted", text);
    if (bytes[0] & 1) return error(Errc::invalid, "MAC address '{}' is a multicast address", text);
    if (bytes == std::string(6, '\0')) return error(Errc::invalid, "MAC address '{}' is empty", text);
    return bytes;
}

std::string mac_text(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes)
        fmt::format_to(std::back_inserter(text), "{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned char>(byte));
    return text;
}

std::string mac_of(const Address& address) {
    // 02: locally administered, unicast (IEEE 802); 67 is the g of gantry.
    if (address.family == Family::v4) return std::string("\x02\x67", 2) + address.bytes();
    const std::uint64_t hash = fnv1a(address.bytes());
    std::string bytes("\x02", 1);
    for (int shift = 0; shift < 40; shift += 8) bytes.push_back(static_cast<char>(hash >> shift));
    return bytes;
}

}  // namespace gantry::net
