// A Dockerfile from anywhere: read, planned, expanded and linted; the same bytes as .dockerignore and as a wildcard.
#include "fuzz.hpp"

#include "dockerfile/graph.hpp"
#include "dockerfile/lint.hpp"
#include "dockerfile/parse.hpp"

using namespace gantry;
using namespace gantry::dockerfile;

namespace {

bool one_line(const Error& error) { return error.message().find('\n') == std::string::npos; }

std::optional<std::string> look_up(std::string_view name) {
    if (name.size() % 3 == 0) return std::nullopt;
    return name.size() % 3 == 1 ? "" : "a b/*c";
}

void expand_all(const Dockerfile& file) {
    for (const Stage& stage : file.stages) {
        for (const Instruction& instruction : stage.instructions) {
            fuzz::require(instruction.where.first <= instruction.where.last, "an instruction has its lines");
            if (const auto* onbuild = std::get_if<Onbuild>(&instruction.what))
                fuzz::require(file.directives.escape != '\\' || parse_trigger(onbuild->trigger).ok(), "a trigger is read back");
            if (const auto* run = std::get_if<Run>(&instruction.what); run && !run->command.exec) (void)shell_text(*run);
            const auto result = expanded(instruction, look_up, file.directives.escape);
            if (result)
                fuzz::require(result->what.index() == instruction.what.index(), "it stays what it is");
            else
                fuzz::require(one_line(result.error()), "an error is one line");
        }
    }
}

void plan_all(const Dockerfile& file) {
    const auto globals = global_values(file, {{"A", "b"}}, platform_args({"linux", "amd64", ""}, {"linux", "arm", "v7"}, "x"));
    if (!globals) return fuzz::require(one_line(globals.error()), "an error is one line");
    const auto result = plan(file, {.globals = *globals, .contexts = {"ctx"}});
    if (!result) return fuzz::require(one_line(result.error()), "an error is one line");
    fuzz::require(!result->needed.empty() && result->needed.back() == result->target, "the target comes last");
    std::set<std::size_t> before;
    for (const std::size_t stage : result->needed) {
        for (const std::size_t other : result->stages[stage].needs)
            fuzz::require(before.contains(other), "what a stage needs comes before it");
        before.insert(stage);
    }
}

void match_all(std::string_view text) {
    const auto patterns = Patterns::parse_ignore_file(text.substr(0, 4096));
    if (patterns) {
        for (const char* folder : {"a", "src", "a/b"}) {
            if (!patterns->prunable(folder)) continue;
            for (const char* name : {"a", "b.c", "x/y/z", ".git"})
                fuzz::require(patterns->matches(fmt::format("{}/{}", folder, name)), "pruning changes nothing");
        }
    } else {
        fuzz::require(one_line(patterns.error()), "an error is one line");
    }
    const std::string_view pattern = text.substr(0, std::min<std::size_t>(text.find('\n'), 1000));
    if (const auto match = wildcard_match(pattern, pattern); match && !has_wildcard(pattern))
        fuzz::require(*match, "text without wildcards matches itself");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text(data, size);
    Location failed;
    const auto file = parse(text, "Dockerfile", &failed);
    if (file) {
        fuzz::require(!file->stages.empty(), "there is a stage");
        expand_all(*file);
        plan_all(*file);
        for (const Finding& finding : lint(*file)) (void)finding_text(finding, text, "Dockerfile");
    } else {
        fuzz::require(one_line(file.error()), "an error is one line");
        (void)excerpt(text, "Dockerfile", failed);
    }
    match_all(text);
    return 0;
}
