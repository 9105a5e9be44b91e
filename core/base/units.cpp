#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

namespace gantry {

namespace {

std::string_view shown(std::string_view text) { return text.substr(0, 80); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string lowered(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower(c);
    return result;
}

// "12" or "1.5" at the front of text, removed from it; false where there is none.
struct Number {
    std::uint64_t whole = 0;
    double fraction = 0;
    bool overflow = false;
};

bool take_number(std::string_view& text, Number& number) {
    if (text.empty() || !is_digit(text.front())) return false;
    std::size_t at = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
        number.overflow |= __builtin_mul_overflow(number.whole, 10U, &number.whole);
        number.overflow |= __builtin_add_overflow(number.whole, static_cast<unsigned>(text[at] - '0'), &number.whole);
    }
    if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
        double place = 0.1;
        for (++at; at < text.size() && is_digit(text[at]); ++at, place /= 10) number.fraction += place * (text[at] - '0');
    }
    text.remove_prefix(at);
    return true;
}

// number times factor, or nothing where it does not fit.
bool scale(const Number& number, std::uint64_t factor, std::uint64_t& result) {
    std::uint64_t whole = 0;
    if (number.overflow || __builtin_mul_overflow(number.whole, factor, &whole)) return false;
    // + 1e-6: 0.1 has no exact binary form, and "0.1m" must not lose its last byte.
    const auto part = static_cast<std::uint64_t>(number.fraction * static_cast<double>(factor) + 1e-6);
    return !__builtin_add_overflow(whole, part, &result);
}

struct TimeUnit {
    std::string_view name;
    std::uint64_t us;
};
// Go's (time.ParseDuration) and systemd's (systemd.time(7)) spellings. "M" and "month" are left out: "1M" would mean 30 days to
// systemd and surprise everybody else.
constexpr std::array<TimeUnit, 27> time_units{{{"us", 1},
                                               {"µs", 1},
                                               {"usec", 1},
                                               {"ms", 1000},
                                               {"msec", 1000},
                                               {"s", 1000000},
                                               {"sec", 1000000},
                                               {"second", 1000000},
                                               {"seconds", 1000000},
                                               {"m", 60000000},
                                               {"min", 60000000},
                                               {"minute", 60000000},
                                               {"minutes", 60000000},
                                               {"h", 3600000000},
                                               {"hr", 3600000000},
                                               {"hour", 3600000000},
                                               {"hours", 3600000000},
                                               {"d", 86400000000},
                                               {"day", 86400000000},
                                               {"days", 86400000000},
                                               {"w", 604800000000},
                                               {"week", 604800000000},
                                               {"weeks", 604800000000},
                                               {"mins", 60000000},
                                               {"secs", 1000000},
                                               {"hrs", 3600000000},
                                               {"μs", 1}}};

const TimeUnit* find_time_unit(std::string_view name) {
    for (const TimeUnit& unit : time_units)
        if (unit.name == name) return &unit;
    return nullptr;
}

template <std::size_t N>
std::string sized(double value, double base, int digits, const std::array<const char*, N>& names) {
    std::size_t step = 0;
    // 999.6 would print as "1e+03": what rounds up to the next unit is shown in it.
    const double limit = base == 1000.0 ? base - 0.5 * std::pow(10.0, 3 - digits) : base;
    while (value >= limit && step + 1 < N) {
        value /= base;
        ++step;
    }
    return fmt::format("{:.{}g}{}", value, digits, names[step]);
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    std::string_view rest = text;
    Number number;
    if (!take_number(rest, number))
        return error(Errc::invalid, "size '{}' is not a number with an optional unit (b, k, m, g, t, p)", shown(text));
    if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const std::string unit = lowered(rest.substr(0, 8));
    std::uint64_t factor = 1;
    if (!unit.empty() && unit != "b") {
        const std::size_t power = std::string_view("kmgtpe").find(unit.front());
        const std::string_view tail = std::string_view(unit).substr(1);
        if (power == std::string_view::npos || rest.size() > 3 || (!tail.empty() && tail != "b" && tail != "ib" && tail != "i"))
            return error(Errc::invalid, "size '{}' has an unknown unit '{}' (known: b, k, m, g, t, p)", shown(text),
                         shown(rest));
        factor = 1ULL << (10 * (power + 1));
    }
    std::uint64_t bytes = 0;
    if (!scale(number, factor, bytes)) return error(Errc::invalid, "size '{}' is too large", shown(text));
    return bytes;
}

Result<std::chrono::microseconds> parse_duration(std::string_view text) {
    std::string_view rest = text;
    std::uint64_t total = 0;
    if (rest.empty()) return error(Errc::invalid, "duration is empty");
    for (bool first = true; !rest.empty(); first = false) {
        Number number;
        if (!take_number(rest, number))
            return error(Errc::invalid, "duration '{}' is not a number with a unit (like 90s, 1m30s, 500ms)", shown(text));
        if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
        std::size_t length = 0;
        while (length < rest.size() && !is_digit(rest[length]) && rest[length] != ' ' && rest[length] != '.') ++length;
        const std::string_view name = rest.substr(0, length);
        rest.remove_prefix(length);
        if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
        if (name.empty() && !(first && rest.empty()))
            return error(Errc::invalid, "duration '{}' lacks a unit (like 90s, 1m30s, 500ms)", shown(text));
        std::uint64_t part = 0;
        bool fits = true;
        if (name == "ns") {
            fits = scale(number, 1, part);
            part /= 1000;
        } else {
            const TimeUnit* unit = find_time_unit(name.empty() ? "s" : name);
            if (!unit) return error(Errc::invalid, "duration '{}' has an unknown unit '{}'", shown(text), shown(name));
            fits = scale(number, unit->us, part);
        }
        if (!fits || __builtin_add_overflow(total, part, &total) || total > std::numeric_limits<std::int64_t>::max())
            return error(Errc::invalid, "duration '{}' is too long", shown(text));
    }
    return std::chrono::microseconds(static_cast<std::int64_t>(total));
}

std::string human_size(std::uint64_t bytes, int digits) {
    static constexpr std::array<const char*, 7> names{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    return sized(static_cast<double>(bytes), 1000.0, digits, names);
}

std::string human_size_binary(std::uint64_t bytes) {
    static constexpr std::array<const char*, 7> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return sized(static_cast<double>(bytes), 1024.0, 4, names);
}

std::string human_duration(std::chrono::seconds span) {
    const std::int64_t seconds = span.count(), minutes = seconds / 60, hours = (seconds + 1800) / 3600;
    if (seconds < 1) return "Less than a second";
    if (seconds == 1) return "1 second";
    if (seconds < 60) return fmt::format("{} seconds", seconds);
    if (minutes == 1) return "About a minute";
    if (minutes < 60) return fmt::format("{} minutes", minutes);
    if (hours == 1) return "About an hour";
    if (hours < 48) return fmt::format("{} hours", hours);
    if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
    if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
    if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
    return fmt::format("{} years", seconds / 3600 / 24 / 365);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Quadratic: what is longer than any name of ours is simply far away (hostile input).
    constexpr std::size_t longest = 64;
    if (a.size() > longest || b.size() > longest) return a == b ? 0 : std::max(a.size(), b.size());
    // Optimal string alignment: two letters swapped are one mistake. Three rows are enough.
    std::array<std::array<std::size_t, longest + 1>, 3> rows{};
    for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto& row = rows[i % 3];
        const auto& above = rows[(i + 2) % 3];
        const auto& above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + cost});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.size() % 3][b.size()];
}

}  // namespace gantry
