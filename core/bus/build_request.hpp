// The options of BuildImage, as they are on the bus.
#pragma once

#include "build/build.hpp"
#include "bus/compat.hpp"

namespace gantry::bus {

using VariantMap = std::map<std::string, sdbus::Variant>;

struct BuildRequest {
    build::Options options;
    std::string names;      // all of them with a space between, for polkit
    bool insecure = false;  // steps may do more than a container may
};

// Reads the variants, so that none of them is needed afterwards: they belong to the thread that serves the bus. Errors name the
// option; for an unknown one they suggest the nearest.
Result<BuildRequest> build_request(const VariantMap& options);

// Whether the descriptor can be a context: open for reading, and a folder only from root, because what is below a folder is
// read with the rights of gantryd.
Result<> check_context(int fd, const Caller& caller);

}  // namespace gantry::bus
