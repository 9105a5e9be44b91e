// hosts, resolv.conf and hostname in the container's record folder, which are bound into it.
#pragma once

#include "gantry/driver/network.hpp"
#include "launch/plan.hpp"

namespace gantry::launch {

// Made before the container is: hosts without its own addresses, which nobody knows yet.
Result<> write_files(const Plan& plan);
// hosts once more, in place (the file is bound already), with what the networks gave.
Result<> complete_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks);

// The host's resolv.conf without servers that only the host reaches (127.0.0.0/8, ::1), unless the container shares its
// network.
std::string resolv_conf(std::string_view host, const config::Definition& definition, bool own_net,
                        const std::vector<std::string>& network_dns);

}  // namespace gantry::launch
