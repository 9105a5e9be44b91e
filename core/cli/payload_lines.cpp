#include "cli/payload_lines.hpp"

#include "os/file.hpp"

#include <unistd.h>

namespace gantry::cli {

namespace {

std::string field(const JournalEntry& entry, const char* name) {
    const auto found = entry.fields.find(name);
    return found == entry.fields.end() ? std::string() : found->second;
}

}  // namespace

JournalQuery payload_lines(const container::Container& container) {
    const std::string unit = unit_name(container.name);
    JournalQuery query;
    // Those that the unit's processes wrote, and those that a foreground `gantry run` passed on for them.
    query.any_of = {{"_SYSTEMD_UNIT=" + unit}, {"OBJECT_SYSTEMD_UNIT=" + unit, "_UID=0", "CONTAINER_ID_FULL=" + container.id}};
    query.wanted = {"MESSAGE", "PRIORITY", "CONTAINER_ID_FULL", "_COMM", "SYSLOG_IDENTIFIER"};
    query.accept = [id = container.id](const JournalEntry& entry) {
        // An earlier container of the same name had another id.
        const std::string entry_id = field(entry, "CONTAINER_ID_FULL");
        if (!entry_id.empty() && entry_id != id) return false;
        // The launcher's own words; last words of the container that the reaper passed on have the container's name.
        return field(entry, "_COMM") != "gantry-launch" || field(entry, "SYSLOG_IDENTIFIER") != "gantry-launch";
    };
    return query;
}

Result<> show_line(const JournalEntry& entry, const std::string& prefix) {
    // Priority 3 is the stream that the launcher opened for standard error.
    return os::write_all(field(entry, "PRIORITY") == "3" ? STDERR_FILENO : STDOUT_FILENO,
                         prefix + field(entry, "MESSAGE") + "\n", "output");
}

}  // namespace gantry::cli
