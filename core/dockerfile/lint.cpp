// The rules that look at the file and at each FROM; lint_stage.cpp has those of the instructions.
#include "base/reference.hpp"
#include "dockerfile/lint_run.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

bool is_lower(std::string_view text) { return text == lower(text); }
bool is_upper(std::string_view text) { return text == upper(text); }

// Calls back with keyword and place of every FROM and every instruction of a stage.
template <class Visit>
void for_each_keyword(const Dockerfile& dockerfile, const Visit& visit) {
    for (const Stage& stage : dockerfile.stages) {
        visit(stage.keyword, stage.where);
        for (const Instruction& instruction : stage.instructions) visit(instruction.keyword, instruction.where);
    }
}

void check_casing(const Dockerfile& dockerfile, Findings& findings) {
    std::size_t lowers = 0, uppers = 0;
    for_each_keyword(dockerfile, [&](const std::string& keyword, Location /*where*/) {
        lowers += is_lower(keyword) ? 1 : 0;
        uppers += is_upper(keyword) ? 1 : 0;
    });
    const bool to_lower = lowers > uppers;
    for_each_keyword(dockerfile, [&](const std::string& keyword, Location where) {
        if (to_lower ? is_lower(keyword) : is_upper(keyword)) return;
        findings.add(Check::ConsistentInstructionCasing, where,
                     fmt::format("Command '{}' should match the case of the command majority ({})", keyword,
                                 to_lower ? "lowercase" : "uppercase"));
    });
}

void check_from_as(const Stage& stage, Findings& findings) {
    const std::string& as = stage.from.as;
    const bool matches = (is_lower(stage.keyword) && is_lower(as)) || (is_upper(stage.keyword) && is_upper(as));
    // A FROM of mixed case is ConsistentInstructionCasing's.
    if (as.empty() || matches || (!is_lower(stage.keyword) && !is_upper(stage.keyword))) return;
    findings.add(Check::FromAsCasing, stage.where,
                 fmt::format("'{}' and '{}' keywords' casing do not match", as, stage.keyword));
}

void check_stage_names(const Dockerfile& dockerfile, Findings& findings) {
    std::set<std::string> seen;
    for (const Stage& stage : dockerfile.stages) {
        check_from_as(stage, findings);
        if (stage.name.empty()) continue;
        if (!is_lower(stage.from.name))
            findings.add(Check::StageNameCasing, stage.where,
                         fmt::format("Stage name '{}' should be lowercase", stage.from.name));
        if (stage.name == "scratch" || stage.name == "context")
            findings.add(Check::ReservedStageName, stage.where,
                         fmt::format("Stage name should not use the same name as reserved stage {}", in_quotes(stage.name)));
        if (!seen.insert(stage.name).second)
            findings.add(Check::DuplicateStageName, stage.where,
                         fmt::format("Duplicate stage name {}, stage names should be unique", in_quotes(stage.name)));
    }
}

void check_description(const char* instruction, const std::vector<std::string>& names, const std::vector<std::string>& comments,
                       Location where, Findings& findings) {
    if (comments.empty() || names.empty()) return;
    const std::string& comment = comments.back();
    if (std::ranges::find(names, comment.substr(0, comment.find(' '))) != names.end()) return;
    findings.add(Check::InvalidDefinitionDescription, where,
                 fmt::format("Comment for {} should follow the format: `# {} <description>`", instruction,
                             names.size() > 1 ? "<arg_key>" : names.front()));
}

void check_descriptions(const Dockerfile& dockerfile, Findings& findings) {
    const auto check = [&](const Instruction& instruction) {
        const auto* arg = std::get_if<Arg>(&instruction.what);
        if (!arg) return;
        std::vector<std::string> names;
        for (const Arg::Item& item : arg->items) names.push_back(item.name);
        check_description("ARG", names, instruction.comments, instruction.where, findings);
    };
    for (const Instruction& instruction : dockerfile.global_args) check(instruction);
    for (const Stage& stage : dockerfile.stages) {
        if (!stage.name.empty()) check_description("FROM", {stage.name}, stage.comments, stage.where, findings);
        for (const Instruction& instruction : stage.instructions) check(instruction);
    }
}

void check_default_args(const Dockerfile& dockerfile, const Values& defaults, Findings& findings) {
    for (const Stage& stage : dockerfile.stages) {
        Recorder recorder(defaults);
        const auto image = expand_word(stage.from.image, recorder.lookup(), dockerfile.directives.escape);
        if (!image || ImageRef::parse(*image)) continue;
        findings.add(Check::InvalidDefaultArgInFrom, stage.where,
                     fmt::format("Default value for ARG {} results in empty or invalid base image name", stage.from.image));
    }
}

void report_undeclared(const Recorder& recorder, const std::set<std::string, std::less<>>& declared, const Values& globals,
                       Location where, Findings& findings) {
    for (const std::string& name : recorder.missing) {
        if (findings.full() || declared.contains(name)) continue;
        findings.add(Check::UndefinedArgInFrom, where,
                     fmt::format("FROM argument '{}' is not declared{}", name, suggestion(name, names_of(globals), "")));
    }
}

void check_platform(const Stage& stage, const Recorder& recorder, const std::string& platform, const Values& globals,
                    Findings& findings) {
    const auto target = globals.find("TARGETPLATFORM");
    if (recorder.missing.empty() && recorder.used == std::set<std::string>{"TARGETPLATFORM"} && target != globals.end() &&
        platform == target->second)
        findings.add(Check::RedundantTargetPlatform, stage.where,
                     fmt::format("Setting platform to predefined {} in FROM is redundant as this is the default behavior",
                                 stage.from.platform));
    if (!recorder.missing.empty() || !recorder.used.empty()) return;
    // A stage that says in its name what platform it is for may be fixed to it.
    const auto named = [&](std::string_view part) { return !part.empty() && stage.name.find(part) != std::string::npos; };
    const auto parts = split(platform, '/');
    if (named(parts[0]) || (parts.size() > 1 && named(parts[1]))) return;
    findings.add(Check::FromPlatformFlagConstDisallowed, stage.where,
                 fmt::format("FROM --platform flag should not use constant value {}", in_quotes(platform)));
}

void check_froms(const Dockerfile& dockerfile, const Values& globals, Findings& findings) {
    std::set<std::string, std::less<>> declared;
    for (const Instruction& instruction : dockerfile.global_args)
        for (const Arg::Item& item : std::get<Arg>(instruction.what).items) declared.insert(item.name);
    for (const Stage& stage : dockerfile.stages) {
        Recorder image(globals), platform(globals);
        (void)expand_word(stage.from.image, image.lookup(), dockerfile.directives.escape).ok();
        report_undeclared(image, declared, globals, stage.where, findings);
        if (stage.from.platform.empty()) continue;
        const auto text = expand_word(stage.from.platform, platform.lookup(), dockerfile.directives.escape);
        report_undeclared(platform, declared, globals, stage.where, findings);
        if (text) check_platform(stage, platform, *text, globals, findings);
    }
}

}  // namespace

std::vector<Finding> lint(const Dockerfile& dockerfile, const LintOptions& options) {
    Findings findings(dockerfile.directives.check);
    for (const std::size_t line : dockerfile.empty_continuations)
        findings.add(Check::NoEmptyContinuation, {line, line}, "Empty continuation line");
    check_casing(dockerfile, findings);
    check_stage_names(dockerfile, findings);
    check_descriptions(dockerfile, findings);
    // Errors in the global ARGs are the build's to report.
    if (const auto defaults = global_values(dockerfile, {}, options.platform_values))
        check_default_args(dockerfile, *defaults, findings);
    auto globals = global_values(dockerfile, options.build_args, options.platform_values);
    if (!globals) return findings.take();
    check_froms(dockerfile, *globals, findings);
    StageLint(dockerfile, options, *std::move(globals), findings).run();
    return findings.take();
}

}  // namespace gantry::dockerfile
