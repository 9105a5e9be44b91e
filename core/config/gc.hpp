// [gc] of gantry.toml: what only the collector of images reads. The names are kubelet's where it has one.
#pragma once

#include "config/engine.hpp"

namespace gantry::config {

struct Gc {
    // Per cent of the disk that are used: collected is from high on, until low is reached (kubelet's
    // imageGCHighThresholdPercent and imageGCLowThresholdPercent, and its defaults).
    std::uint32_t high_percent = 85, low_percent = 80;
    std::int64_t minimum_age_seconds = 24 * 3600;  // what was of use since then stays (imageMinimumGCAge)
    std::uint64_t keep_build_cache = 0;            // bytes of build cache that stay in any case
};

Result<Gc> parse_gc(std::string_view text, const std::string& file);
// A missing file is the default.
Result<Gc> load_gc(const Paths& paths);

}  // namespace gantry::config
