#include "dockerfile/flags.hpp"

#include "base/units.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile::detail {

namespace {

Error unknown_flag(std::string_view keyword, std::string_view name, const std::vector<FlagRule>& rules) {
    std::vector<std::string> names;
    for (const FlagRule& rule : rules) names.emplace_back(rule.name);
    return error(Errc::invalid, "unknown flag '--{}' of {}{}", shown(name), keyword, did_you_mean(name, names, "--"));
}

}  // namespace

Result<Flags> Flags::read(const Statement& statement, const std::vector<FlagRule>& rules) {
    Flags flags;
    const std::string keyword = upper(statement.keyword);
    for (const std::string& flag : statement.flags) {
        const std::size_t equals = flag.find('=');
        std::string name = flag.substr(2, equals == std::string::npos ? equals : equals - 2);
        std::string value = equals == std::string::npos ? "" : flag.substr(equals + 1);
        const auto rule = std::ranges::find(rules, name, &FlagRule::name);
        if (rule == rules.end()) return unknown_flag(keyword, name, rules);
        if (rule->kind != FlagKind::list && flags.text(name))
            return error(Errc::invalid, "flag '--{}' of {} is given twice", name, keyword);
        if (rule->kind == FlagKind::boolean) {
            value = equals == std::string::npos ? "true" : lower(value);
            if (value != "true" && value != "false")
                return error(Errc::invalid, "flag '--{}' of {} is true or false, not '{}'", name, keyword, shown(value));
        } else if (equals == std::string::npos) {
            return error(Errc::invalid, "flag '--{}' of {} needs a value", name, keyword);
        }
        flags.given_.emplace_back(std::move(name), std::move(value));
    }
    return flags;
}

std::optional<std::string> Flags::text(std::string_view name) const {
    for (const auto& [key, value] : given_)
        if (key == name) return value;
    return std::nullopt;
}

std::optional<bool> Flags::boolean(std::string_view name) const {
    const auto value = text(name);
    return value ? std::optional(*value == "true") : std::nullopt;
}

std::vector<std::string> Flags::list(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : given_)
        if (key == name) values.push_back(value);
    return values;
}

}  // namespace gantry::dockerfile::detail
