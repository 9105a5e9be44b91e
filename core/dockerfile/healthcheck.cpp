#include "dockerfile/instruction.hpp"
#include "dockerfile/words.hpp"

#include <charconv>
#include <cmath>

namespace gantry::dockerfile::detail {

namespace {

struct Unit {
    std::string_view name;
    double nanoseconds;
};
// Longer names first: "ms" is not "m".
constexpr std::array<Unit, 8> units = {
    {{"ns", 1}, {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

// Go's time.ParseDuration without a sign: "1m30s", "1.5h", "0".
Result<std::chrono::nanoseconds> parse_go_duration(std::string_view name, std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return error(Errc::invalid, "flag '--{}' of HEALTHCHECK: '{}' is no duration like 30s or 1m30s: {}", name, shown(text),
                     why);
    };
    if (text == "0") return std::chrono::nanoseconds{0};
    if (text.empty()) return bad("it is empty");
    double total = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
        double number = 0;
        const auto [end, failure] = std::from_chars(rest.data(), rest.data() + digits, number, std::chars_format::fixed);
        if (digits == 0 || failure != std::errc() || end != rest.data() + digits) return bad("a number is expected");
        rest.remove_prefix(digits);
        const auto unit = std::ranges::find_if(units, [&](const Unit& candidate) { return rest.starts_with(candidate.name); });
        if (unit == units.end()) return bad("a unit is missing");
        rest.remove_prefix(unit->name.size());
        total += number * unit->nanoseconds;
    }
    if (total > 9.2e18) return bad("it is too long");
    const std::chrono::nanoseconds span{std::llround(total)};
    if (span.count() != 0 && span < std::chrono::milliseconds{1}) return bad("it cannot be less than 1ms");
    return span;
}

Result<std::chrono::nanoseconds> duration(const Flags& flags, std::string_view name) {
    const auto text = flags.text(name);
    if (!text) return std::chrono::nanoseconds{0};
    return parse_go_duration(name, *text);
}

Result<int> parse_retries(const std::string& text) {
    int retries = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), retries);
    if (failure != std::errc() || end != text.data() + text.size() || retries < 0)
        return error(Errc::invalid, "flag '--retries' of HEALTHCHECK: '{}' is not a number from 0 on", shown(text));
    return retries;
}

}  // namespace

Result<What> make_healthcheck(const Statement& statement) {
    const Flags flags = TRY(Flags::read(statement, {{"interval", FlagKind::text},
                                                    {"timeout", FlagKind::text},
                                                    {"start-period", FlagKind::text},
                                                    {"start-interval", FlagKind::text},
                                                    {"retries", FlagKind::text}}));
    TRY(need_text(statement));
    std::string_view rest = statement.rest;
    const std::string_view type = take_word(rest);
    Healthcheck check;
    if (same_word(type, "NONE")) {
        if (!rest.empty() || !statement.flags.empty()) return error(Errc::invalid, "HEALTHCHECK NONE takes no arguments");
        check.none = true;
        return What(std::move(check));
    }
    if (!same_word(type, "CMD")) return error(Errc::invalid, "unknown type '{}' in HEALTHCHECK (try CMD or NONE)", shown(type));
    if (rest.empty()) return error(Errc::invalid, "missing command after HEALTHCHECK CMD");
    check.command = TRY(make_command(rest));
    if (check.command.args.empty()) return error(Errc::invalid, "missing command after HEALTHCHECK CMD");
    check.interval = TRY(duration(flags, "interval"));
    check.timeout = TRY(duration(flags, "timeout"));
    check.start_period = TRY(duration(flags, "start-period"));
    check.start_interval = TRY(duration(flags, "start-interval"));
    if (const auto retries = flags.text("retries")) check.retries = TRY(parse_retries(*retries));
    return What(std::move(check));
}

}  // namespace gantry::dockerfile::detail
