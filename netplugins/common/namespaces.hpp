// Other network namespaces, by the numbers that this one knows them by.
#pragma once

#include "os/netlink.hpp"

namespace gantry::net {

// The number of a namespace (RTM_NEWNSID): given once, gone with it.
Result<std::int32_t> namespace_id(os::NetlinkSocket& route, int netns);
// Whether something still holds it. Never waits for the RTNL lock.
Result<bool> namespace_lives(os::NetlinkSocket& route, std::int32_t id);

}  // namespace gantry::net
