// Quantities as people write them in definitions and on the command line.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gantry {

// "512", "64k", "512M", "1.5g", "2GiB", "10KB": bytes, powers of 1024 whatever the suffix, as docker run --memory takes it.
Result<std::uint64_t> parse_bytes(std::string_view text);
// "10", "10s", "1m30s", "500ms", "2h", "1min 30s": a bare number is seconds.
Result<std::chrono::microseconds> parse_duration(std::string_view text);

// "187MB", "1.21GB", "0B": powers of 1000, as `docker images` and `ps -s` print sizes; with 4 digits as `docker system df` does
// (go-units HumanSizeWithPrecision).
std::string human_size(std::uint64_t bytes, int digits = 3);
// "1.953MiB": powers of 1024 with four digits, as `docker stats` does (go-units BytesSize).
std::string human_size_binary(std::uint64_t bytes);
// "Less than a second", "3 minutes", "About an hour", "2 weeks" (go-units HumanDuration).
std::string human_duration(std::chrono::seconds span);

// The candidate nearest to text by edit distance, for "did you mean"; empty where none is near (distance over a third).
template <class Range>
std::string nearest(std::string_view text, const Range& candidates);

// ", did you mean 'NAME'", or nothing; mark goes before the name ("--").
template <class Range>
std::string did_you_mean(std::string_view text, const Range& candidates, std::string_view mark = "") {
    const std::string near = nearest(text, candidates);
    return near.empty() ? near : fmt::format(", did you mean '{}{}'", mark, near);
}

std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string nearest(std::string_view text, const Range& candidates) {
    std::string best;
    std::size_t best_distance = text.size() / 3 + 2;
    for (const auto& candidate : candidates) {
        const std::size_t distance = edit_distance(text, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

}  // namespace gantry
