#include "dockerfile/parse.hpp"

#include "dockerfile/instruction.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

// A FROM begins a stage, ARG may stand before the first, all else belongs to the stage above.
Result<> add(Dockerfile& dockerfile, Instruction instruction) {
    if (auto* from = std::get_if<From>(&instruction.what)) {
        std::string name = lower(from->name);
        dockerfile.stages.push_back({std::move(*from),
                                     instruction.where,
                                     std::move(instruction.original),
                                     std::move(instruction.keyword),
                                     std::move(name),
                                     std::move(instruction.comments),
                                     {}});
        return {};
    }
    if (!dockerfile.stages.empty())
        dockerfile.stages.back().instructions.push_back(std::move(instruction));
    else if (std::holds_alternative<Arg>(instruction.what))
        dockerfile.global_args.push_back(std::move(instruction));
    else
        return error(Errc::invalid, "no build stage in current context: {} stands before the first FROM",
                     instruction_name(instruction));
    return {};
}

Result<Dockerfile> build(std::string_view text, std::string_view file, Location& failed) {
    Script script = TRY(read_script(text, true, failed));
    Dockerfile dockerfile;
    dockerfile.file = file;
    dockerfile.directives = std::move(script.directives);
    dockerfile.empty_continuations = std::move(script.empty_continuations);
    for (const Statement& statement : script.statements) {
        failed = statement.where;
        Instruction instruction = TRY(make_instruction(statement, dockerfile.directives.escape));
        TRY(add(dockerfile, std::move(instruction)));
    }
    failed = {};
    if (script.statements.empty()) return error(Errc::invalid, "file with no instructions");
    if (dockerfile.stages.empty()) return error(Errc::invalid, "no build stage: there is no FROM");
    return dockerfile;
}

}  // namespace

Result<Dockerfile> parse(std::string_view text, std::string_view file, Location* failed) {
    Location where;
    auto result = build(text, file, where);
    if (failed) *failed = result ? Location{} : where;
    if (!result) return located(result.error(), file, where);
    return result;
}

Result<Instruction> parse_trigger(std::string_view text) {
    Location unused;
    const auto parsed = [&]() -> Result<Instruction> {
        const Script script = TRY(read_script(text, false, unused));
        if (script.statements.size() != 1) return error(Errc::invalid, "it is not a single instruction");
        Statement statement = script.statements.front();
        const std::string keyword = upper(statement.keyword);
        if (keyword == "ONBUILD" || keyword == "FROM" || keyword == "MAINTAINER")
            return error(Errc::invalid, "{} is not allowed as an ONBUILD trigger", keyword);
        statement.where = {};
        return make_instruction(statement, '\\');
    };
    return parsed().context(fmt::format("ONBUILD trigger '{}'", shown(text.substr(0, text.find('\n')))));
}

}  // namespace gantry::dockerfile
