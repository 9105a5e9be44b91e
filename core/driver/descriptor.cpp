#include "driver/descriptor.hpp"

#include <cstring>

namespace gantry::driver {

namespace {

// The descriptor as ABI 1.0 had it; later minor versions append. A constant, not sizeof: our own struct may grow.
constexpr std::uint32_t first_size = 48;
static_assert(sizeof(gantry_driver_descriptor) >= first_size);

// Is text a string of at most 64 printable bytes? The terminator is looked for byte by byte, no further than it must be.
bool is_short_text(const char* text) {
    if (!text) return false;
    for (int at = 0; at <= 64; ++at) {
        if (text[at] == '\0') return at > 0;
        if (text[at] <= ' ' || text[at] > '~') return false;
    }
    return false;
}

}  // namespace

std::string kind_name(std::uint32_t kind) {
    if (kind == GANTRY_DRIVER_STORAGE) return "storage";
    if (kind == GANTRY_DRIVER_NETWORK) return "network";
    return fmt::format("kind {}", kind);
}

Result<> check_driver_name(const std::string& name) {
    bool good = !name.empty() && name.size() <= 64 && name[0] != '-' && name[0] != '_';
    for (const char c : name) good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    if (!good) return error(Errc::invalid, "'{}' is not a driver's name (lower-case letters, digits, '-' and '_')", name);
    return {};
}

Result<> check_descriptor(const gantry_driver_descriptor* descriptor, std::uint64_t symbol_size, const std::string& name,
                          std::uint32_t kind) {
    if (symbol_size != 0 && symbol_size < first_size)
        return error(Errc::unsupported, "its descriptor has {} bytes, at least {} are needed", symbol_size, first_size);
    if (descriptor->magic != GANTRY_DRIVER_MAGIC)
        return error(Errc::unsupported, "its descriptor has the magic {:#x}, not {:#x}", descriptor->magic,
                     GANTRY_DRIVER_MAGIC);
    if (descriptor->size < first_size || (symbol_size != 0 && descriptor->size > symbol_size))
        return error(Errc::unsupported, "its descriptor claims a size of {} bytes, at least {} are needed", descriptor->size,
                     first_size);
    if (descriptor->abi_major != GANTRY_DRIVER_ABI_MAJOR)
        return error(Errc::unsupported, "it was built for driver ABI {}.{}, this engine has {}.{}", descriptor->abi_major,
                     descriptor->abi_minor, GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR);
    if (descriptor->abi_minor > GANTRY_DRIVER_ABI_MINOR)
        return error(Errc::unsupported, "it needs driver ABI {}.{}, newer than this engine's {}.{}", descriptor->abi_major,
                     descriptor->abi_minor, GANTRY_DRIVER_ABI_MAJOR, GANTRY_DRIVER_ABI_MINOR);
    if (descriptor->kind != kind)
        return error(Errc::unsupported, "it is a driver of {}, not of {}", kind_name(descriptor->kind), kind_name(kind));
    if (!is_short_text(descriptor->name) || name != descriptor->name)
        return error(Errc::unsupported, "it calls itself '{}', not '{}'",
                     is_short_text(descriptor->name) ? descriptor->name : "", name);
    if (!is_short_text(descriptor->version)) return error(Errc::unsupported, "its descriptor has no version");
    if (!descriptor->create) return error(Errc::unsupported, "its descriptor has no create function");
    return {};
}

}  // namespace gantry::driver
