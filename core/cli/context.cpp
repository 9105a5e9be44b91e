#include "cli/context.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <csignal>
#include <ctime>
#include <unistd.h>

namespace gantry::cli {

Result<container::Engine*> Context::engine() {
    if (!engine_) engine_.emplace(TRY(container::Engine::open()));
    return &*engine_;
}

Result<int> for_each_object(const std::vector<std::string>& objects,
                            const std::function<Result<>(const std::string&)>& action) {
    int status = 0;
    for (const auto& object : objects) {
        if (auto done = action(object); !done.ok()) {
            complain(done.error());
            status = 1;
        }
    }
    return status;
}

Result<int> print(std::string_view text) {
    TRY(os::write_all(STDOUT_FILENO, text, "standard output"));
    return 0;
}

void complain(const Error& error) { note(error.message()); }

void note(std::string_view text) {
    const std::string line = fmt::format("gantry: {}\n", text);
    [[maybe_unused]] auto ignored = os::write_all(STDERR_FILENO, line, "standard error");
}

std::string short_id(std::string_view id) {
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    return std::string(id.substr(0, 12));
}

std::string truncated(std::string_view text, std::size_t at_most) {
    if (text.size() <= at_most) return std::string(text);
    std::size_t cut = at_most - 1;
    while (cut > 0 && (text[cut] & 0xc0) == 0x80) --cut;  // never inside a code point
    return std::string(text.substr(0, cut)) + "\u2026";
}

std::string time_ago(std::int64_t unix_seconds) {
    if (unix_seconds <= 0) return "N/A";
    const std::int64_t span = std::max<std::int64_t>(0, std::time(nullptr) - unix_seconds);
    return human_duration(std::chrono::seconds(span)) + " ago";
}

std::string go_time(std::int64_t unix_seconds) {
    const std::time_t seconds = unix_seconds;
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[48];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &parts);
    return text;
}

std::string docker_time(std::int64_t unix_microseconds) {
    if (unix_microseconds <= 0) return "0001-01-01T00:00:00Z";
    return rfc3339(unix_microseconds / 1000000, static_cast<std::uint32_t>(unix_microseconds % 1000000 * 1000), 6);
}

Result<std::int64_t> parse_time(std::string_view text) {
    const std::string copy(text);
    std::tm parts{};
    if (const char* rest = strptime(copy.c_str(), "%Y-%m-%d", &parts)) {
        if (*rest == 'T' || *rest == ' ') {
            const char* after = strptime(rest + 1, "%H:%M:%S", &parts);
            if (!after) after = strptime(rest + 1, "%H:%M", &parts);
            if (!after) return error(Errc::invalid, "time '{}' is not understood", text);
            rest = after;
        }
        std::int64_t micros = 0;
        if (*rest == '.') {
            std::int64_t unit = 100000;
            for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) micros += (*rest - '0') * unit;
        }
        std::int64_t offset = 0;
        int hours = 0, minutes = 0;
        char sign = 0;
        if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
            offset = (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
        else if (*rest != 0 && std::string_view(rest) != "Z")
            return error(Errc::invalid, "time '{}' is not understood", text);
        // Without a zone it is the caller's local time, as for `docker logs --since`.
        const std::time_t seconds = *rest == 0 ? [&] { parts.tm_isdst = -1; return mktime(&parts); }() : timegm(&parts) - offset;
        return static_cast<std::int64_t>(seconds) * 1000000 + micros;
    }
    if (!copy.empty() && copy.find_first_not_of("0123456789.") == std::string::npos)
        return static_cast<std::int64_t>(std::strtod(copy.c_str(), nullptr) * 1000000);
    const auto ago = TRY_CONTEXT(parse_duration(text), "time '{}' is not understood", text);
    return static_cast<std::int64_t>(std::time(nullptr)) * 1000000 - ago.count();
}

}  // namespace gantry::cli
