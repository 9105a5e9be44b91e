// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: files of its record, bound into its root.
#pragma once

#include "launch/plan.hpp"

namespace gantry::launch {

// Makes the three files, so that they can be bound while networks are still being attached.
Result<> make_name_files(const Plan& plan);
// Writes hosts and resolv.conf in place (the same inodes), now that the addresses are known.
Result<> fill_name_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks);
// The record's folder; with NetworkMode::container the other container's, whose names hold.
std::string name_file(const Plan& plan, const std::string& file);

}  // namespace gantry::launch
