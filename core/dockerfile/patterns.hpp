// Patterns of paths: .dockerignore and wildcards. Paths are relative, '/'-separated, without "./" in front; time to match is
// bounded by pattern length times path length.
#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::dockerfile {

constexpr std::size_t ignore_limit = 1U << 20;  // bytes of a .dockerignore
constexpr std::size_t pattern_limit = 20'000;   // patterns in it

// Go's filepath.Match: '*' and '?' do not match '/', [a-z] and [^a-z], '\\' escapes. The whole path must match.
Result<bool> wildcard_match(std::string_view pattern, std::string_view path);
bool has_wildcard(std::string_view text);  // any of "*?[" or a backslash

// A compiled pattern.
class Wildcard {
public:
    // tree: '**' matches any number of folders, as in .dockerignore; else it is as good as '*'.
    static Result<Wildcard> compile(std::string_view pattern, bool tree);

    [[nodiscard]] bool matches(std::string_view path) const { return run(path).whole; }
    // The path, or a folder above it.
    [[nodiscard]] bool matches_with_parents(std::string_view path) const;
    // Whether something below the folder can match.
    [[nodiscard]] bool may_match_below(std::string_view folder) const;

private:
    enum class Kind { text, any_character, any_name, any_rest, any_folders, set };
    struct Token {
        Kind kind;
        char32_t character = 0;
        bool negated = false;                                 // of a set
        std::vector<std::pair<char32_t, char32_t>> ranges{};  // of a set
        [[nodiscard]] bool takes(char32_t c) const;
    };
    struct Outcome {
        bool whole = false;   // the path matched
        bool parent = false;  // a folder above it did
        bool alive = false;   // a longer path may match
    };
    [[nodiscard]] Outcome run(std::string_view path) const;
    static Result<Token> parse_set(std::u32string_view pattern, std::size_t& at);

    std::vector<Token> tokens_;
    bool literal_ = true;                // only text: compared as it is
    std::string text_;                   // of a literal
    std::optional<std::string> suffix_;  // "**TEXT": moby matches it as any path that ends so
};

// moby's patternmatcher (what .dockerignore and --exclude mean): '**' matches any number of folders, a pattern also matches
// everything below what it matches, '!' takes back, the last pattern that matches decides.
class Patterns {
public:
    Patterns() = default;
    // Lines of a .dockerignore: BOM, comments ('#' in the first column), blank lines and spaces around are taken off; patterns
    // are cleaned (a leading and trailing '/' means nothing, ".." is resolved).
    static Result<Patterns> parse_ignore_file(std::string_view text);
    // Patterns as they are (--exclude).
    static Result<Patterns> make(const std::vector<std::string>& patterns);

    // Whether path, or a folder above it, is matched and not taken back: it is left out of the context.
    [[nodiscard]] bool matches(std::string_view path) const;
    // Whether a folder that matches() may be left out with all below it: no '!' pattern can take back anything there.
    [[nodiscard]] bool prunable(std::string_view folder) const;
    [[nodiscard]] bool empty() const { return patterns_.empty(); }
    [[nodiscard]] bool has_exceptions() const { return exceptions_; }
    [[nodiscard]] bool excludes_root() const;  // "*", "**" or "**/*" is among them

private:
    struct Pattern {
        std::string text;  // cleaned, without '!'
        Wildcard wildcard;
        bool exception = false;
    };
    std::vector<Pattern> patterns_;
    bool exceptions_ = false;
};

}  // namespace gantry::dockerfile
