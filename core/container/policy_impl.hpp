// What the policy files of this room share. Internal to core/container.
#pragma once

#include "container/policy.hpp"

namespace gantry::container::detail {

// <run>/policy: one file a container, numbers below .numbers, locks in .lock.
std::string policy_folder(const config::Paths& paths);
std::string policy_file(const config::Paths& paths, const std::string& container);
std::string number_folder(const config::Paths& paths);
std::string number_file(const config::Paths& paths, std::uint32_t number);
// Held while a container's policy is changed. Not recursive.
Result<os::Fd> lock_policy(const config::Paths& paths, const std::string& container);
// Replaces what is in force for a running container by what the rules mean now; attaches the programs where they are another
// build's, or not attached any more. The caller holds the policy's lock.
Result<> replace_policy(const config::Paths& paths, policy::Programs& programs, const std::string& name,
                        const policy::Applied& before, policy::Applied wanted);
// The cgroup of a running container's unit.
Result<os::Fd> policy_cgroup(const config::Paths& paths, const std::string& name);
// On all its networks.
std::vector<config::Prefix> addresses_of(const Record& record);

}  // namespace gantry::container::detail
