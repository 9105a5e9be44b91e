// The filters of `docker image prune`.
#pragma once

#include "image/store.hpp"

namespace gantry::image {

struct PruneFilter {
    std::optional<bool> dangling;
    std::optional<std::int64_t> until;            // seconds since the epoch: only images made before
    std::optional<std::string> label, not_label;  // "KEY" or "KEY=VALUE"

    // until: "10m", "24h" (so long ago), "2024-01-02", "2024-01-02T03:04:05", with "Z" or an offset, or seconds since the
    // epoch.
    static Result<PruneFilter> parse(const std::map<std::string, std::string>& filters);
    [[nodiscard]] bool takes(const Store& store, const Image& image) const;
};

// RFC 3339, also shorter ("2024-01-02", "2024-01-02T03:04"), UTC unless an offset is given.
Result<std::int64_t> parse_timestamp(std::string_view text);

}  // namespace gantry::image
