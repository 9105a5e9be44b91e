// The clock that BPF programs read as well (bpf_ktime_get_ns, bpf_ktime_get_coarse_ns).
#pragma once

#include <cstdint>
#include <ctime>

namespace gantry {

// CLOCK_MONOTONIC, nanoseconds.
inline std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace gantry
