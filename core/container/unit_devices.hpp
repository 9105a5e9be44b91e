// The definition's part that lives in the unit's cgroup. Internal to units.
#pragma once

#include "config/definition.hpp"

namespace gantry::container {

// DeviceAllow= entries as pairs of device and access, beyond what the template allows every container.
Result<std::vector<std::pair<std::string, std::string>>> device_access(const config::Definition& definition);
// MemorySwapMax= from Docker's pair of limits; nothing where swap is not limited by the definition.
std::optional<std::uint64_t> swap_limit(const config::Limits& limits);

}  // namespace gantry::container
