// A small stable hash for names and checksums of our own files. Not for hostile input: collisions are easy to make.
#pragma once

#include <cstdint>
#include <string_view>

namespace gantry {

constexpr std::uint64_t fnv1a_start = 0xcbf29ce484222325ULL;

// FNV-1a, 64 bits (draft-eastlake-fnv, section 5). start: the hash of what came before.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t start = fnv1a_start) {
    std::uint64_t hash = start;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash;
}

}  // namespace gantry
