// A container's networks while it runs.
#pragma once

#include "container/engine.hpp"

namespace gantry::container {

// What is to be otherwise; the rest stays.
struct AttachmentChange {
    std::optional<std::uint64_t> rate_up, rate_down;  // bits a second; 0: no limit
    std::optional<bool> default_route;                // true takes it from the network that had it
    std::optional<std::uint32_t> service_weight;
    [[nodiscard]] bool empty() const { return !rate_up && !rate_down && !default_route && !service_weight; }
};

// Of a container that is connected to that network: in its definition, and at once where it runs. The published ports go with
// the default route; connections that came by them, or went out by the old route, do not survive that. On error all is as it
// was.
Result<> change_attachment(Engine& engine, const Container& container, std::string_view network,
                           const AttachmentChange& change);

}  // namespace gantry::container
