#include "dockerfile/instruction.hpp"
#include "dockerfile/lint_run.hpp"
#include "dockerfile/words.hpp"

#include <ranges>

namespace gantry::dockerfile::detail {

namespace {

// Words of a name, between underscores.
bool has_word(const std::string& name, const std::set<std::string_view>& words) {
    const std::string text = lower(name);
    return std::ranges::any_of(split(text, '_'), [&](std::string_view part) { return words.contains(part); });
}

bool is_remote(std::string_view source) {
    for (const std::string_view scheme : {"http://", "https://", "git://", "git@", "ssh://"})
        if (source.starts_with(scheme)) return true;
    return source.ends_with(".git");
}

// As BuildKit compares: the variant does not count.
bool same_platform(std::string_view left, std::string_view right) {
    const auto lefts = split(left, '/'), rights = split(right, '/');
    return std::ranges::equal(lefts | std::views::take(2), rights | std::views::take(2));
}

// As a pattern of .dockerignore is cleaned: "./a//b/" is "a/b".
std::string clean_source(std::string_view source) {
    std::vector<std::string_view> parts;
    for (const std::string_view part : split(source, '/'))
        if (!part.empty() && part != ".") parts.push_back(part);
    return parts.empty() ? "." : fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace

void StageLint::run() {
    for (std::size_t index = 0; index < dockerfile_.stages.size(); ++index) {
        begin(index);
        for (const Instruction& instruction : dockerfile_.stages[index].instructions) visit(instruction);
    }
}

void StageLint::begin(std::size_t index) {
    once_.clear();
    states_.push_back(std::make_unique<State>());
    Recorder recorder(globals_);
    const auto image = expand_word(dockerfile_.stages[index].from.image, recorder.lookup(), dockerfile_.directives.escape);
    const std::string base = lower(image ? *image : "");
    for (std::size_t above = index; above-- > 0;) {
        if (dockerfile_.stages[above].name.empty() || dockerfile_.stages[above].name != base) continue;
        state().base = states_[above].get();
        state().workdir = state().base->workdir;
        state().shell = state().base->shell;
        return;
    }
    state().environment["PATH"] = "";
    if (options_.base_image && image && base != "scratch") begin_from_image(dockerfile_.stages[index], *image);
}

void StageLint::begin_from_image(const Stage& stage, const std::string& image) {
    Recorder recorder(globals_);
    const auto flag = expand_word(stage.from.platform, recorder.lookup(), dockerfile_.directives.escape);
    auto found = flag ? options_.base_image(image, *flag) : std::nullopt;
    state().unknown = !found;
    if (!found) return;
    for (std::string& name : found->variables) state().environment[std::move(name)] = "";
    const auto target = globals_.find("TARGETPLATFORM");
    const std::string expected = flag->empty() && target != globals_.end() ? target->second : *flag;
    if (!expected.empty() && !found->platform.empty() && !same_platform(expected, found->platform))
        findings_.add(Check::InvalidBaseImagePlatform, stage.where,
                      fmt::format("Base image {} was pulled with platform {}, expected {} for current build", image,
                                  in_quotes(found->platform), in_quotes(expected)));
}

Lookup StageLint::lookup() {
    return [stage = &state()](std::string_view name) -> std::optional<std::string> {
        for (const State* state = stage; state; state = state->base)
            if (const auto found = state->environment.find(name); found != state->environment.end()) return found->second;
        return std::nullopt;
    };
}

bool StageLint::is_declared(const std::string& name) {
    for (const State* state = &this->state(); state; state = state->base)
        if (state->unknown || state->declared.contains(name)) return true;
    return false;
}

std::vector<std::string> StageLint::known_names() {
    constexpr std::size_t enough = 1000;  // to look for a near one
    std::vector<std::string> names;
    for (const State* state = &this->state(); state && names.size() < enough; state = state->base)
        for (const auto& [name, value] : state->environment)
            if (names.size() < enough) names.push_back(name);
    return names;
}

void StageLint::report_undefined(const Recorder& recorder, Location where) {
    for (const std::string& name : recorder.missing) {
        if (findings_.full() || is_declared(name)) continue;
        findings_.add(Check::UndefinedVar, where,
                      fmt::format("Usage of undefined variable '${}'{}", name, suggestion(name, known_names(), "$")));
    }
}

void StageLint::report_secret(const char* instruction, const std::string& key, Location where) {
    static const std::set<std::string_view> secrets = {"apikey",   "auth",  "credential", "credentials", "key",
                                                       "password", "pword", "passwd",     "secret",      "token"};
    static const std::set<std::string_view> harmless = {"public", "file", "version"};
    if (!has_word(key, secrets) || has_word(key, harmless)) return;
    findings_.add(Check::SecretsUsedInArgOrEnv, where,
                  fmt::format("Do not use ARG or ENV instructions for sensitive data ({} {})", instruction, in_quotes(key)));
}

void StageLint::visit_arg(const Arg& arg, Location where) {
    for (const Arg::Item& item : arg.items) {
        report_secret("ARG", item.name, where);
        Recorder recorder(lookup());
        const auto value = arg_value(item, options_.build_args, globals_, recorder.lookup(), dockerfile_.directives.escape);
        report_undefined(recorder, where);
        if (value && *value) state().environment[item.name] = **value;
        state().declared.insert(item.name);
    }
}

void StageLint::visit_expose(const Expose& expose, const Lookup& lookup, Location where) {
    for (const std::string& text : expose.ports) {
        const auto words = expand_words(text, lookup, dockerfile_.directives.escape);
        if (!words) continue;
        for (const std::string& port : *words) {
            const std::size_t slash = std::min(port.rfind('/'), port.size());
            if (port.substr(slash) != lower(port.substr(slash)))
                findings_.add(Check::ExposeProtoCasing, where,
                              fmt::format("Defined protocol '{}' in EXPOSE instruction should be lowercase", port));
            if (port.find(':') != std::string::npos)
                findings_.add(
                    Check::ExposeInvalidFormat, where,
                    fmt::format("EXPOSE instruction should not define an IP address or host-port mapping, found '{}'", port));
        }
    }
}

void StageLint::visit_command(const Instruction& instruction, const Command& command) {
    const std::string name = instruction_name(instruction);
    // The earlier one is the one that is ignored.
    if (const auto earlier = once_.find(name); earlier != once_.end())
        findings_.add(
            Check::MultipleInstructionsDisallowed, earlier->second,
            fmt::format("Multiple {} instructions should not be used in the same stage because only the last one will be used",
                        instruction.keyword));
    once_[name] = instruction.where;
    if (name != "HEALTHCHECK" && !command.exec && !state().shell)
        findings_.add(Check::JSONArgsRecommended, instruction.where,
                      fmt::format("JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
                                  instruction.keyword));
}

void StageLint::visit_copy(const Copy& copy, bool add, Location where) {
    // What an exception may take back cannot be told from the pattern of a source.
    if (!options_.ignore || options_.ignore->has_exceptions() || !copy.from.empty()) return;
    for (const std::string& source : copy.sources) {
        if (add && is_remote(source)) continue;
        const std::string path = clean_source(source);
        if (path == "." ? options_.ignore->excludes_root() : options_.ignore->matches(path))
            findings_.add(Check::CopyIgnoredFile, where,
                          fmt::format("Attempting to {} file {} that is excluded by .dockerignore", add ? "Add" : "Copy",
                                      in_quotes(path)));
    }
}

void StageLint::visit(const Instruction& instruction) {
    const Location where = instruction.where;
    if (const auto* arg = std::get_if<Arg>(&instruction.what)) return visit_arg(*arg, where);
    Recorder recorder(lookup());
    if (const auto* expose = std::get_if<Expose>(&instruction.what)) {
        visit_expose(*expose, recorder.lookup(), where);
        return report_undefined(recorder, where);
    }
    const auto result = expanded(instruction, recorder.lookup(), dockerfile_.directives.escape);
    report_undefined(recorder, where);
    const Instruction& now = result ? *result : instruction;
    if (const auto* env = std::get_if<Env>(&now.what)) {
        if (env->legacy)
            findings_.add(Check::LegacyKeyValueFormat, where,
                          fmt::format("\"{0} key=value\" should be used instead of legacy \"{0} key value\" format",
                                      instruction.keyword));
        for (const KeyValue& pair : env->values) report_secret("ENV", pair.key, where);
        for (const KeyValue& pair : env->values) state().environment[pair.key] = pair.value;
    }
    if (const auto* label = std::get_if<Label>(&now.what); label && label->legacy)
        findings_.add(
            Check::LegacyKeyValueFormat, where,
            fmt::format("\"{0} key=value\" should be used instead of legacy \"{0} key value\" format", instruction.keyword));
    if (const auto* workdir = std::get_if<Workdir>(&now.what)) {
        if (!state().workdir && !workdir->path.starts_with('/'))
            findings_.add(Check::WorkdirRelativePath, where,
                          fmt::format("Relative workdir {} can have unexpected results if the base image changes",
                                      in_quotes(workdir->path)));
        state().workdir = true;
    }
    if (std::holds_alternative<Maintainer>(now.what))
        findings_.add(Check::MaintainerDeprecated, where, "Maintainer instruction is deprecated in favor of using label");
    if (std::holds_alternative<Shell>(now.what)) state().shell = true;
    if (const auto* cmd = std::get_if<Cmd>(&now.what)) visit_command(instruction, cmd->command);
    if (const auto* entrypoint = std::get_if<Entrypoint>(&now.what)) visit_command(instruction, entrypoint->command);
    if (const auto* check = std::get_if<Healthcheck>(&now.what)) visit_command(instruction, check->command);
    if (const auto* copy = std::get_if<Copy>(&now.what)) visit_copy(*copy, false, where);
    if (const auto* add = std::get_if<Add>(&now.what)) visit_copy(*add, true, where);
}

}  // namespace gantry::dockerfile::detail
