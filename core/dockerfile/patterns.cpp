#include "dockerfile/patterns.hpp"

#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

// Go's path.Clean.
std::string cleaned(std::string_view path) {
    const bool absolute = path.starts_with('/');
    std::vector<std::string_view> parts;
    for (const std::string_view part : split(path, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == ".." && !parts.empty() && parts.back() != "..")
            parts.pop_back();
        else if (part != ".." || !absolute)
            parts.push_back(part);
    }
    std::string result = absolute ? "/" : "";
    result += fmt::format("{}", fmt::join(parts, "/"));
    return result.empty() ? "." : result;
}

}  // namespace

Result<Patterns> Patterns::make(const std::vector<std::string>& patterns) {
    Patterns result;
    if (patterns.size() > pattern_limit) return error(Errc::invalid, "more than {} patterns", pattern_limit);
    for (const std::string& text : patterns) {
        const std::string_view bare = trimmed(text);
        if (bare.empty()) continue;
        std::string clean = cleaned(bare);
        const bool exception = clean.starts_with('!');
        if (exception) clean.erase(0, 1);
        if (clean.empty()) return error(Errc::invalid, "illegal exclusion pattern: '!'");
        Wildcard wildcard = TRY(Wildcard::compile(clean, true));
        result.patterns_.push_back({std::move(clean), std::move(wildcard), exception});
        result.exceptions_ |= exception;
    }
    return result;
}

Result<Patterns> Patterns::parse_ignore_file(std::string_view text) {
    if (text.size() > ignore_limit) return error(Errc::invalid, ".dockerignore larger than {} bytes", ignore_limit);
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<std::string> patterns;
    for (const std::string_view line : split(text, '\n')) {
        if (line.starts_with('#')) continue;
        std::string_view pattern = trimmed(line);
        if (pattern.empty()) continue;
        const bool exception = pattern.starts_with('!');
        if (exception) pattern = trimmed(pattern.substr(1));
        std::string clean = pattern.empty() ? "" : cleaned(pattern);
        if (clean.size() > 1 && clean.front() == '/') clean.erase(0, 1);
        patterns.push_back((exception ? "!" : "") + clean);
    }
    return make(patterns);
}

bool Patterns::matches(std::string_view path) const {
    bool matched = false;
    // A pattern that would change nothing need not be looked at.
    for (const Pattern& pattern : patterns_)
        if (pattern.exception == matched && pattern.wildcard.matches_with_parents(path)) matched = !pattern.exception;
    return matched;
}

bool Patterns::prunable(std::string_view folder) const {
    if (!matches(folder)) return false;
    // From the end: what the last pattern says that matches the folder holds for all below it, but for exceptions behind it.
    for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
        if (pattern->exception && pattern->wildcard.may_match_below(folder)) return false;
        if (!pattern->exception && pattern->wildcard.matches_with_parents(folder)) return true;
    }
    return false;
}

bool Patterns::excludes_root() const {
    return std::ranges::any_of(patterns_, [](const Pattern& pattern) {
        return !pattern.exception && (pattern.text == "*" || pattern.text == "**" || pattern.text == "**/*");
    });
}

}  // namespace gantry::dockerfile
