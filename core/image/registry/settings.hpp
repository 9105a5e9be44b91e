// How patient a registry client is, and who may stop it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace gantry::image::registry {

using Milliseconds = std::chrono::milliseconds;

struct Settings {
    Milliseconds connect_timeout{10'000};  // name look-up, TCP and TLS together
    // A transfer that brings less than stall_rate bytes per second over stall_window is given up (and tried again). Time in
    // which we were the slow side does not count.
    Milliseconds stall_window{30'000};
    std::uint64_t stall_rate = 1024;
    // For the answer after the last byte of a PUT or PATCH was sent: a registry hashes and moves what it got.
    Milliseconds answer_window{300'000};

    int retries = 5;            // after 429, 5xx, a stall or a lost connection; anew after every progress
    int connect_retries = 1;    // where the first contact fails altogether
    Milliseconds backoff{500};  // before the first retry; doubled each time, plus up to a quarter at random
    Milliseconds backoff_limit{30'000};
    Milliseconds retry_after_limit{120'000};  // a registry that asks for more patience than this gets none
    std::uint64_t progress = 64U << 10;       // bytes that an attempt must bring to count as progress

    int redirects = 10;

    // Asked at least every 50 ms, from any thread; true stops everything.
    std::function<bool()> cancelled = [] { return false; };
};

inline constexpr std::size_t manifest_limit = 4U << 20;  // distribution-spec "Pushing Manifests": registries take 4 MiB
inline constexpr std::size_t config_limit = 4U << 20;    // as parse_image_config
inline constexpr std::size_t token_limit = 1U << 20;
inline constexpr std::size_t message_limit = 64U << 10;  // of an error's body; the rest is not read

}  // namespace gantry::image::registry
