#include "console/journal_lines.hpp"

#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

namespace gantry::console {

namespace {

constexpr std::size_t line_limit = 48U << 10;  // journald's own (LineMax=, journald.conf(5))

}  // namespace

JournalLines::JournalLines(const ContainerName& name, const std::string& id, const config::Definition& definition)
    : enabled_(definition.log_to_journal), fields_{fmt::format("PRIORITY={}", LOG_INFO),
                                                   "OBJECT_SYSTEMD_UNIT=" + unit_name(name),
                                                   "SYSLOG_IDENTIFIER=" + name.str(),
                                                   "CONTAINER_NAME=" + name.str(),
                                                   "CONTAINER_ID=" + id.substr(0, 12),
                                                   "CONTAINER_ID_FULL=" + id,
                                                   "IMAGE_NAME=" + definition.image} {
    for (const auto& [key, value] : definition.log_fields) fields_.push_back(key + "=" + value);
}

void JournalLines::add(std::string_view data) {
    if (!enabled_) return;
    for (;;) {
        const auto end = data.find('\n');
        line_.append(data.substr(0, end));
        if (end == std::string_view::npos && line_.size() < line_limit) return;
        send();
        if (end == std::string_view::npos) return;
        data.remove_prefix(end + 1);
    }
}

void JournalLines::end() {
    if (enabled_ && !line_.empty()) send();
}

void JournalLines::send() {
    if (line_.ends_with('\r')) line_.pop_back();  // a terminal ends lines with both (termios(3), ONLCR)
    const std::string message = "MESSAGE=" + line_;
    std::vector<iovec> parts{{const_cast<char*>(message.data()), message.size()}};
    for (auto& field : fields_) parts.push_back({field.data(), field.size()});
    sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));  // a full journal must not stop the container
    line_.clear();
}

}  // namespace gantry::console
