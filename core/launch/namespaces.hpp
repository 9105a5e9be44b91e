// Which namespaces the container gets of its own, and which it joins.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

// CLONE_NEW* for clone3.
std::uint64_t own_namespaces(const Plan& plan);
// Enters the namespaces that the child is to share with other containers (container:NAME). The launcher itself changes with it, so
// this comes after everything that it does in the host's.
Result<> join_namespaces(const Plan& plan);

}  // namespace gantry::launch
