// What a container wrote, as the journal has it: for `logs` and `attach`.
#pragma once

#include "cli/journal.hpp"
#include "container/engine.hpp"

namespace gantry::cli {

// All of it; the caller adds times and numbers.
JournalQuery payload_lines(const container::Container& container);
// Standard output to ours, standard error to ours; prefix goes before the text.
Result<> show_line(const JournalEntry& entry, const std::string& prefix = "");

}  // namespace gantry::cli
