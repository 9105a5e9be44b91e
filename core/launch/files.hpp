// hosts, resolv.conf and hostname in the container's record folder, which are bound into it.
#pragma once

#include "container/names.hpp"
#include "gantry/driver/network.hpp"
#include "launch/plan.hpp"

namespace gantry::launch {

// Made before the container is: hosts without its own addresses, which nobody knows yet.
Result<> write_files(const Plan& plan);
// hosts once more, in place (the file is bound already), with what the networks gave.
Result<> complete_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks,
                        const container::Resolver& resolver);
// resolv.conf alone, in place.
Result<> write_resolv_conf(const Plan& plan, const container::Resolver& resolver);

}  // namespace gantry::launch
