// What changes of a running container's networks share. Internal to core/container.
#pragma once

#include "container/attachments.hpp"
#include "container/engine_impl.hpp"

namespace gantry::container::detail {

Result<os::Fd> open_netns(Engine& engine, const Container& container);

// Rates, default route and published ports of a running container's networks become what one definition says and another did
// not. record is written with the ports where they are then. On error all is as it was.
Result<> settle_networks(Engine& engine, const Container& container, Record& record, const config::Definition& before,
                         const config::Definition& now);

// The definition of a container, and its unit.
Result<> write_changed(Engine& engine, const Container& container, const config::Definition& changed);

}  // namespace gantry::container::detail
