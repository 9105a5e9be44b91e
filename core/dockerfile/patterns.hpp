// Patterns of paths: .dockerignore and wildcards. Paths are relative, '/'-separated, without "./" in front; time to match is bounded
// by pattern length times path length.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::dockerfile {

constexpr std::size_t ignore_limit = 1U << 20;  // bytes of a .dockerignore
constexpr std::size_t pattern_limit = 20'000;   // patterns in it

// Go's filepath.Match: '*' and '?' do not match '/', [a-z] and [^a-z], '\\' escapes. The whole path must match.
Result<bool> wildcard_match(std::string_view pattern, std::string_view path);
bool has_wildcard(std::string_view text);  // any of * ? [ \\

// moby's patternmatcher (what .dockerignore and --exclude mean): '**' matches any number of folders, a pattern also matches
// everything below what it matches, '!' takes back, the last pattern that matches decides.
class Patterns {
public:
    Patterns() = default;
    // Lines of a .dockerignore: BOM, comments ('#' in the first column), blank lines and spaces around are taken off; patterns are cleaned
    // (a leading and trailing '/' means nothing, ".." is resolved).
    static Result<Patterns> parse_ignore_file(std::string_view text);
    // Patterns as they are (--exclude).
    static Result<Patterns> make(const std::vector<std::string>& patterns);

    // Whether path, or a folder above it, is matched and not taken back: it is left out of the context.
    [[nodiscard]] bool matches(std::string_view path) const;
    // Whether a folder that matches() may be left out with all below it: no '!' pattern can take back anything there.
    [[nodiscard]] bool prunable(std::string_view folder) const;
    [[nodiscard]] bool empty() const { return patterns_.empty(); }

private:
    struct Pattern {
        std::string text;                     // cleaned, without '!'
        std::vector<std::string> components;  // of text
        bool exception = false;
    };
    std::vector<Pattern> patterns_;
    bool exceptions_ = false;

    [[nodiscard]] static bool match(const Pattern& pattern, std::string_view path);
};

}  // namespace gantry::dockerfile
