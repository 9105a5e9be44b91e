// Capability sets (capabilities(7)) and what Docker grants by default.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::sandbox {

using CapSet = std::uint64_t;  // bit N is capability N of linux/capability.h

// "NET_ADMIN", "cap_net_admin", "CAP_NET_ADMIN"; the error suggests the nearest name.
Result<int> parse_capability(std::string_view text);
// "CAP_NET_ADMIN"; "CAP_63" for one that these sources do not know.
std::string capability_name(int capability);

// Docker's default (moby oci/caps/defaults.go).
CapSet default_capabilities();
// Every capability that the running kernel knows (/proc/sys/kernel/cap_last_cap) and this process may still grant.
CapSet all_capabilities();

// Docker's meaning of --cap-add and --cap-drop (moby oci/caps/utils.go): "ALL" in add starts from everything, "ALL" in drop
// from nothing; drops of single names are applied to an added ALL; privileged is everything. What the host does not have itself
// is refused where it was asked for by name and left out of ALL and privileged.
Result<CapSet> capability_set(const std::vector<std::string>& add, const std::vector<std::string>& drop, bool privileged);

// The calling thread gives up every bounding capability outside set (needs CAP_SETPCAP) and all ambient ones.
Result<> limit_bounding(CapSet set);
// capset(2): permitted and effective become set, inheritable is empty (as Docker since CVE-2022-24769).
Result<> set_capabilities(CapSet permitted, CapSet effective);

}  // namespace gantry::sandbox
