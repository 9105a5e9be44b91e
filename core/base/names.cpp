#include "base/names.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>

namespace gantry {

namespace {

constexpr std::size_t longest_name = 128;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

Result<> check_name(std::string_view kind, std::string_view text) {
    if (text.empty()) return error(Errc::invalid, "{} name is empty", kind);
    if (text.size() > longest_name)
        return error(Errc::invalid, "{} name '{}...' is {} bytes long, the limit is {}", kind, text.substr(0, 32), text.size(),
                     longest_name);
    if (text.size() < 2) return error(Errc::invalid, "{} name '{}' is too short, it needs two characters", kind, text);
    if (!is_alnum(text.front())) return error(Errc::invalid, "{} name '{}' must start with a letter or digit", kind, text);
    for (char c : text)
        if (!is_alnum(c) && c != '_' && c != '.' && c != '-')
            return error(Errc::invalid, "{} name '{}' has a character that is not allowed: only [a-zA-Z0-9_.-]", kind, text);
    return {};
}

std::uint64_t fnv1a(std::uint64_t seed, std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL ^ (seed * 0x9e3779b97f4a7c15ULL);
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    // FNV's low bits mix poorly over short texts; one round of murmur3's finaliser spreads them.
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

}  // namespace

Result<ContainerName> ContainerName::parse(std::string_view text) {
    TRY(check_name("container", text));
    return ContainerName(std::string(text));
}

Result<ObjectName> ObjectName::parse(std::string_view kind, std::string_view text) {
    TRY(check_name(kind, text));
    return ObjectName(std::string(text));
}

std::string unit_name(const ContainerName& name) { return fmt::format("ctr@{}.service", name.str()); }

Result<ContainerName> container_of_unit(std::string_view unit) {
    constexpr std::string_view prefix = "ctr@", suffix = ".service";
    if (!unit.starts_with(prefix) || !unit.ends_with(suffix) || unit.size() <= prefix.size() + suffix.size())
        return error(Errc::invalid, "unit '{}' is not a container's", unit);
    return ContainerName::parse(unit.substr(prefix.size(), unit.size() - prefix.size() - suffix.size()));
}

std::string derived_container_id(std::string_view machine_id, const ContainerName& name) {
    const std::string text = fmt::format("{}:{}", machine_id, name.str());
    std::string id;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) id += fmt::format("{:016x}", fnv1a(seed, text));
    return id;
}

std::string random_container_id() {
    std::array<unsigned char, 32> bytes{};
    // 32 bytes never come short nor are interrupted (getrandom(2): up to 256 bytes).
    [[maybe_unused]] const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    std::string id;
    for (unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
    return id;
}

}  // namespace gantry
