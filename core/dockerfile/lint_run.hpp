// One run of the build checks. For the .cpp files of this folder only.
#pragma once

#include "dockerfile/lint.hpp"

#include <set>

namespace gantry::dockerfile::detail {

enum class Check {
    ConsistentInstructionCasing,
    CopyIgnoredFile,
    DuplicateStageName,
    ExposeInvalidFormat,
    ExposeProtoCasing,
    FromAsCasing,
    FromPlatformFlagConstDisallowed,
    InvalidBaseImagePlatform,
    InvalidDefaultArgInFrom,
    InvalidDefinitionDescription,
    JSONArgsRecommended,
    LegacyKeyValueFormat,
    MaintainerDeprecated,
    MultipleInstructionsDisallowed,
    NoEmptyContinuation,
    RedundantTargetPlatform,
    ReservedStageName,
    SecretsUsedInArgOrEnv,
    StageNameCasing,
    UndefinedArgInFrom,
    UndefinedVar,
    WorkdirRelativePath,
};

class Findings {
public:
    explicit Findings(const CheckDirective& directive) : directive_(directive) {}
    void add(Check check, Location where, std::string message);
    [[nodiscard]] bool full() const { return findings_.size() >= finding_limit; }
    // In the order of the file.
    std::vector<Finding> take();

private:
    [[nodiscard]] bool wanted(const Rule& rule) const;

    const CheckDirective& directive_;
    std::vector<Finding> findings_;
};

// Looks variables up and remembers which it was asked for.
class Recorder {
public:
    explicit Recorder(Lookup source) : source_(std::move(source)) {}
    explicit Recorder(const Values& values);
    [[nodiscard]] Lookup lookup() {
        return [this](std::string_view name) {
            std::optional<std::string> value = source_(name);
            (value ? used : missing).emplace(name);
            return value;
        };
    }
    std::set<std::string> used, missing;

private:
    Lookup source_;
};

std::string in_quotes(std::string_view text);  // Go's %q
// " (did you mean NAME?)", or nothing.
std::string suggestion(std::string_view name, const std::vector<std::string>& known, std::string_view prefix);
std::vector<std::string> names_of(const Values& values);

// The rules that follow a stage from its FROM on.
class StageLint {
public:
    StageLint(const Dockerfile& dockerfile, const LintOptions& options, Values globals, Findings& findings)
        : dockerfile_(dockerfile), options_(options), globals_(std::move(globals)), findings_(findings) {}
    void run();

private:
    struct State {
        const State* base = nullptr;                  // of the stage that it is built from
        Values environment;                           // without the base's
        std::set<std::string, std::less<>> declared;  // ARGs, also without a value
        bool workdir = false;                         // WORKDIR was given
        bool shell = false;                           // SHELL was given
        bool unknown = false;                         // what variables the base image has
    };
    void begin(std::size_t index);
    void begin_from_image(const Stage& stage, const std::string& image);
    void visit(const Instruction& instruction);
    void visit_arg(const Arg& arg, Location where);
    void visit_expose(const Expose& expose, const Lookup& lookup, Location where);
    void visit_command(const Instruction& instruction, const Command& command);
    void visit_copy(const Copy& copy, bool add, Location where);
    [[nodiscard]] State& state() { return *states_.back(); }
    [[nodiscard]] Lookup lookup();
    [[nodiscard]] bool is_declared(const std::string& name);
    [[nodiscard]] std::vector<std::string> known_names();
    void report_undefined(const Recorder& recorder, Location where);
    void report_secret(const char* instruction, const std::string& key, Location where);

    const Dockerfile& dockerfile_;
    const LintOptions& options_;
    Values globals_;
    Findings& findings_;
    std::vector<std::unique_ptr<State>> states_;  // of each stage
    std::map<std::string, Location> once_;        // instructions of which the last one counts
};

}  // namespace gantry::dockerfile::detail
