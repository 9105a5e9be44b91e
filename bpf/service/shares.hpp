// Weights as slots that two random numbers choose from (service.h).
#pragma once

#include "service/service.h"

#include <cstdint>
#include <vector>

namespace gantry::service {

struct Backend {
    service_address address;
    std::uint32_t weight = 1;
};

// One slot for each backend of a weight other than 0, in which it is the first. A slot is chosen with equal chances, then
// `share` of 2^32 times its first: together each backend as often as its weight says, but for what 2^32 cannot divide.
std::vector<service_slot> slots_of(const std::vector<Backend>& backends);

}  // namespace gantry::service
