// A container's lines in the journal, read with sd-journal: what `logs` and `events` show.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct sd_journal;

namespace gantry::cli {

struct JournalEntry {
    std::int64_t time_us = 0;  // CLOCK_REALTIME
    std::map<std::string, std::string> fields;
};

struct JournalQuery {
    // Entries match when they have all fields of one of the groups.
    std::vector<std::vector<std::string>> any_of;  // {{"A=1", "B=2"}, {"C=3"}}
    std::vector<std::string> wanted;               // fields to fetch
    std::optional<std::int64_t> since_us, until_us;
    std::optional<std::uint64_t> last;  // only so many, counted after `accept`
    bool follow = false;
    std::function<bool(const JournalEntry&)> accept;  // entries to pass over; may be empty
    std::function<bool()> finished;                   // asked while following, twice a second; may be empty
};

// Calls show for every entry in order of time. Errc::unavailable where the journal cannot be opened.
Result<> read_journal(const JournalQuery& query, const std::function<Result<>(const JournalEntry&)>& show);

}  // namespace gantry::cli
