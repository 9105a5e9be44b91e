// How much may still be pushed.
#pragma once

#include "library.hpp"
#include "uploads.hpp"

#include <limits>

namespace gantry::registry {

class Quota {
public:
    Quota(const Library& library, const Uploads& uploads) : library_(library), uploads_(uploads) {}

    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    // Bytes that may still come for this repository, what is on its way to it counted.
    Result<std::uint64_t> room(const config::RegistryServer& server, const image::RepositoryName& name);
    // Something was added, or taken away.
    void changed();

private:
    Result<std::uint64_t> used_by_all();

    const Library& library_;
    const Uploads& uploads_;
    std::mutex mutex_;
    std::optional<std::uint64_t> used_;
    std::chrono::steady_clock::time_point counted_;  // others (gantry registry rm) change things too
};

}  // namespace gantry::registry
