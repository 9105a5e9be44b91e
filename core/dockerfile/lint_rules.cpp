#include "base/units.hpp"
#include "dockerfile/lint_run.hpp"
#include "dockerfile/parse.hpp"

namespace gantry::dockerfile {

// In the order of Check.
const std::vector<Rule>& rules() {
#define GANTRY_RULE_PAGE "https://docs.docker.com/go/dockerfile/rule/"
    static const std::vector<Rule> table = {
        {"ConsistentInstructionCasing", "All commands within the Dockerfile should use the same casing (either upper or lower)",
         GANTRY_RULE_PAGE "consistent-instruction-casing/", false},
        {"CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore", GANTRY_RULE_PAGE "copy-ignored-file/",
         false},
        {"DuplicateStageName", "Stage names should be unique", GANTRY_RULE_PAGE "duplicate-stage-name/", false},
        {"ExposeInvalidFormat",
         "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a "
         "future release",
         GANTRY_RULE_PAGE "expose-invalid-format/", false},
        {"ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase", GANTRY_RULE_PAGE "expose-proto-casing/",
         false},
        {"FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword", GANTRY_RULE_PAGE "from-as-casing/",
         false},
        {"FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value",
         GANTRY_RULE_PAGE "from-platform-flag-const-disallowed/", false},
        {"InvalidBaseImagePlatform", "Base image platform does not match expected target platform", "", false},
        {"InvalidDefaultArgInFrom", "Default value for global ARG results in an empty or invalid base image name",
         GANTRY_RULE_PAGE "invalid-default-arg-in-from/", false},
        {"InvalidDefinitionDescription",
         "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not "
         "intended to be a "
         "description comment, add an empty line or comment between the instruction and the comment.",
         GANTRY_RULE_PAGE "invalid-definition-description/", true},
        {"JSONArgsRecommended",
         "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
         GANTRY_RULE_PAGE "json-args-recommended/", false},
        {"LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used",
         GANTRY_RULE_PAGE "legacy-key-value-format/", false},
        {"MaintainerDeprecated", "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
         GANTRY_RULE_PAGE "maintainer-deprecated/", false},
        {"MultipleInstructionsDisallowed", "Multiple instructions of the same type should not be used in the same stage",
         GANTRY_RULE_PAGE "multiple-instructions-disallowed/", false},
        {"NoEmptyContinuation", "Empty continuation lines will become errors in a future release",
         GANTRY_RULE_PAGE "no-empty-continuation/", false},
        {"RedundantTargetPlatform",
         "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
         GANTRY_RULE_PAGE "redundant-target-platform/", false},
        {"ReservedStageName", "Reserved words should not be used as stage names", GANTRY_RULE_PAGE "reserved-stage-name/",
         false},
        {"SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands",
         GANTRY_RULE_PAGE "secrets-used-in-arg-or-env/", false},
        {"StageNameCasing", "Stage names should be lowercase", GANTRY_RULE_PAGE "stage-name-casing/", false},
        {"UndefinedArgInFrom", "FROM command must use declared ARGs", GANTRY_RULE_PAGE "undefined-arg-in-from/", false},
        {"UndefinedVar", "Variables should be defined before their use", GANTRY_RULE_PAGE "undefined-var/", false},
        {"WorkdirRelativePath",
         "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image "
         "changes",
         GANTRY_RULE_PAGE "workdir-relative-path/", false},
    };
#undef GANTRY_RULE_PAGE
    return table;
}

std::string finding_text(const Finding& finding, std::string_view text, std::string_view file) {
    const std::string_view url = finding.rule->url;
    return fmt::format("WARNING: {}{}{}\n{}\n{}", finding.rule->name, url.empty() ? "" : " - ", url, finding.message,
                       excerpt(text, file, finding.where));
}

namespace detail {

bool Findings::wanted(const Rule& rule) const {
    const auto has = [&](const std::vector<std::string>& names) {
        return std::ranges::any_of(names, [&](const std::string& name) { return name == "all" || name == rule.name; });
    };
    return !has(directive_.skip) && (!rule.experimental || has(directive_.experimental));
}

void Findings::add(Check check, Location where, std::string message) {
    const Rule& rule = rules()[static_cast<std::size_t>(check)];
    if (!full() && wanted(rule)) findings_.push_back({&rule, std::move(message), where});
}

std::vector<Finding> Findings::take() {
    std::ranges::stable_sort(findings_, {}, [](const Finding& finding) { return finding.where.first; });
    return std::move(findings_);
}

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            result += fmt::format("\\x{:02x}", byte);
        else
            result += c;
    }
    return result + "\"";
}

std::string suggestion(std::string_view name, const std::vector<std::string>& known, std::string_view prefix) {
    const std::string near = nearest(name, known);
    return near.empty() ? "" : fmt::format(" (did you mean {}{}?)", prefix, near);
}

std::vector<std::string> names_of(const Values& values) {
    std::vector<std::string> names;
    for (const auto& [key, value] : values) names.push_back(key);
    return names;
}

Recorder::Recorder(const Values& values)
    : source_([&values](std::string_view name) -> std::optional<std::string> {
          const auto found = values.find(name);
          return found == values.end() ? std::nullopt : std::optional(found->second);
      }) {}

}  // namespace detail

}  // namespace gantry::dockerfile
