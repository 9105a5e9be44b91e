// Docker's published build checks (docs.docker.com/reference/build-checks): rule names, texts and pages are theirs.
#pragma once

#include "dockerfile/expand.hpp"
#include "dockerfile/patterns.hpp"

namespace gantry::dockerfile {

struct Rule {
    const char* name;         // "StageNameCasing"
    const char* description;  // "Stage names should be lowercase"
    const char* url;          // "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/"; empty: it has no page
    bool experimental;        // off unless the check directive names it
};
const std::vector<Rule>& rules();  // sorted by name

struct Finding {
    const Rule* rule;
    std::string message;  // "Stage name 'Builder' should be lowercase"
    Location where;
};

struct BaseImage {
    std::vector<std::string> variables;  // names
    std::string platform;                // "linux/arm64"
};

struct LintOptions {
    Values build_args;
    Values platform_values;            // platform_args()
    const Patterns* ignore = nullptr;  // .dockerignore, for CopyIgnoredFile
    // For UndefinedVar and InvalidBaseImagePlatform. Platform is that of the FROM flag, empty for the target's. Nothing for an
    // image that is not known: its stage is spared both. Where it is not set, base images have PATH alone.
    std::function<std::optional<BaseImage>(const std::string& image, const std::string& platform)> base_image;
};

constexpr std::size_t finding_limit = 1000;  // more are not looked for

// In the order of the file; the check directive's skip= (and its experimental=) is honoured, its error= is the caller's.
std::vector<Finding> lint(const Dockerfile& dockerfile, const LintOptions& options = {});

// As `docker build --check` prints one:
//     WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
//     Stage name 'Builder' should be lowercase
// followed by excerpt().
std::string finding_text(const Finding& finding, std::string_view text, std::string_view file);

}  // namespace gantry::dockerfile
