// The table `inet gantry` as text for libnftables. It has no rule for a single network or port: those are elements of its sets
// and maps (firewall.hpp), so that a start adds a few elements and never a rule.
#pragma once

#include "base/result.hpp"

namespace gantry::net {

// Raised when the text changes: the set of this name is what every start adds to, so that a table of another layout is
// noticed (ENOENT) and replaced.
constexpr const char* bridges_set = "bridges_1";

extern const char* const ruleset_text;

// Replaces the table, with empty sets, in one transaction. libnftables is loaded here, and only here: it costs milliseconds
// and is needed once after a boot or a flush.
Result<> load_ruleset();

}  // namespace gantry::net
