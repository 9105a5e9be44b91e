#include "dockerfile/instruction.hpp"

#include "base/units.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

// In the order of Instruction::what.
constexpr std::array<const char*, 18> names = {"FROM",       "RUN",    "COPY",       "ADD",         "ENV",     "ARG",
                                               "LABEL",      "EXPOSE", "VOLUME",     "USER",        "WORKDIR", "CMD",
                                               "ENTRYPOINT", "SHELL",  "STOPSIGNAL", "HEALTHCHECK", "ONBUILD", "MAINTAINER"};

template <class T>
Result<What> text_instruction(const Statement& statement) {
    TRY(need_text(statement));
    return What(T{statement.rest});
}

template <class T>
Result<What> command_instruction(const Statement& statement) {
    TRY(need_text(statement));
    return What(T{TRY(make_command(statement.rest))});
}

Result<What> make_shell(const Statement& statement) {
    TRY(need_text(statement));
    auto words = TRY(json_words(statement.rest));
    if (!words) return error(Errc::invalid, "SHELL requires the arguments to be in JSON form, [\"/bin/bash\", \"-c\"]");
    if (words->empty()) return error(Errc::invalid, "SHELL requires at least one argument");
    return What(Shell{*std::move(words)});
}

Result<What> make_volume(const Statement& statement) {
    TRY(need_text(statement));
    auto words = TRY(json_words(statement.rest));
    Volume volume{words ? *std::move(words) : split_blanks(statement.rest)};
    for (std::string& path : volume.paths) {
        path = trimmed(path);
        if (path.empty()) return error(Errc::invalid, "a path of VOLUME must not be empty");
    }
    if (volume.paths.empty()) return error(Errc::invalid, "VOLUME requires at least one argument");
    return What(std::move(volume));
}

Result<What> make_expose(const Statement& statement) {
    TRY(need_text(statement));
    Expose expose{split_blanks(statement.rest)};
    if (statement.rest.find_first_of("$\"'\\`") == std::string::npos) TRY(check_ports(expose.ports));
    return What(std::move(expose));
}

Result<What> make_stop_signal(const Statement& statement) {
    TRY(need_text(statement));
    if (statement.rest.find_first_of("$\"'\\`") == std::string::npos) TRY(check_signal(statement.rest));
    return What(StopSignal{statement.rest});
}

Result<What> make_onbuild(const Statement& statement, char escape) {
    TRY(need_text(statement));
    Statement inner = split_statement(statement.rest);
    const std::string keyword = upper(inner.keyword);
    if (keyword == "ONBUILD") return error(Errc::invalid, "chaining ONBUILD via 'ONBUILD ONBUILD' is not allowed");
    if (keyword == "FROM" || keyword == "MAINTAINER")
        return error(Errc::invalid, "{} is not allowed as an ONBUILD trigger", keyword);
    inner.heredocs = statement.heredocs;
    TRY(make_instruction(inner, escape));
    Onbuild onbuild{statement.rest};
    for (const Heredoc& document : statement.heredocs) onbuild.trigger += fmt::format("\n{}{}", document.raw, document.name);
    return What(std::move(onbuild));
}

Result<What> make_what(std::string_view keyword, const Statement& statement, char escape) {
    if (keyword == "FROM") return make_from(statement);
    if (keyword == "RUN") return make_run(statement);
    if (keyword == "COPY") return make_copy(statement);
    if (keyword == "ADD") return make_add(statement);
    if (keyword == "ENV") return make_env(statement, escape);
    if (keyword == "ARG") return make_arg(statement, escape);
    if (keyword == "LABEL") return make_label(statement, escape);
    if (keyword == "HEALTHCHECK") return make_healthcheck(statement);
    // The others have no flags.
    if (std::ranges::find(names, keyword) != names.end()) TRY(Flags::read(statement, {}));
    if (keyword == "EXPOSE") return make_expose(statement);
    if (keyword == "VOLUME") return make_volume(statement);
    if (keyword == "USER") return text_instruction<User>(statement);
    if (keyword == "WORKDIR") return text_instruction<Workdir>(statement);
    if (keyword == "CMD") return command_instruction<Cmd>(statement);
    if (keyword == "ENTRYPOINT") return command_instruction<Entrypoint>(statement);
    if (keyword == "SHELL") return make_shell(statement);
    if (keyword == "STOPSIGNAL") return make_stop_signal(statement);
    if (keyword == "ONBUILD") return make_onbuild(statement, escape);
    if (keyword == "MAINTAINER") return text_instruction<Maintainer>(statement);
    return error(Errc::invalid, "unknown instruction '{}'{}", shown(statement.keyword), did_you_mean(keyword, names));
}

bool is_stage_name(std::string_view name) {
    const auto inside = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::ranges::all_of(name, inside);
}

}  // namespace

const char* instruction_name(const Instruction& instruction) { return names[instruction.what.index()]; }

namespace detail {

Result<> need_text(const Statement& statement) {
    if (statement.rest.empty()) return error(Errc::invalid, "{} requires at least one argument", upper(statement.keyword));
    return {};
}

Result<Command> make_command(std::string_view text) {
    auto words = TRY(json_words(text));
    if (words) return Command{true, *std::move(words)};
    return Command{false, {std::string(text)}};
}

Result<What> make_from(const Statement& statement) {
    const Flags flags = TRY(Flags::read(statement, {{"platform", FlagKind::text}}));
    std::vector<std::string> words = split_blanks(statement.rest);
    const bool named = words.size() == 3 && same_word(words[1], "AS");
    if (words.size() != 1 && !named)
        return error(Errc::invalid, "FROM requires either one or three arguments: IMAGE [AS NAME]");
    From from;
    from.platform = flags.text("platform").value_or("");
    from.image = std::move(words[0]);
    if (!named) return What(std::move(from));
    if (!is_stage_name(lower(words[2])))
        return error(Errc::invalid,
                     "invalid name for build stage '{}': it starts with a letter and has letters, digits, '-', '_' and '.'",
                     shown(words[2]));
    from.as = std::move(words[1]);
    from.name = std::move(words[2]);
    return What(std::move(from));
}

Result<Instruction> make_instruction(const Statement& statement, char escape) {
    What what = TRY(make_what(upper(statement.keyword), statement, escape));
    return Instruction{std::move(what), statement.where, statement.original, statement.keyword, statement.comments};
}

}  // namespace detail

}  // namespace gantry::dockerfile
