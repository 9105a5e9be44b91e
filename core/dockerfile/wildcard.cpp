#include "dockerfile/patterns.hpp"
#include "dockerfile/utf8.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

std::u32string code_points(std::string_view text) {
    std::u32string points;
    for (const std::string_view character : characters_of(text)) points += point_of(character);
    return points;
}

Error bad_pattern(std::string_view pattern) { return error(Errc::invalid, "syntax error in pattern '{}'", shown(pattern)); }

}  // namespace

bool has_wildcard(std::string_view text) { return text.find_first_of("*?[\\") != std::string_view::npos; }

Result<bool> wildcard_match(std::string_view pattern, std::string_view path) {
    return TRY(Wildcard::compile(pattern, false)).matches(path);
}

bool Wildcard::Token::takes(char32_t c) const {
    switch (kind) {
    case Kind::text: return c == character;
    case Kind::any_character: return c != U'/';
    case Kind::set:
        return std::ranges::any_of(ranges, [c](const auto& range) { return range.first <= c && c <= range.second; }) != negated;
    default: return false;
    }
}

// "[^a-z0-9]" behind the bracket; Go's filepath.Match is strict about what may stand in it.
Result<Wildcard::Token> Wildcard::parse_set(std::u32string_view pattern, std::size_t& at) {
    Token set{Kind::set};
    const Error bad = error(Errc::invalid, "bad set of characters");
    const auto one = [&](char32_t& c) {
        if (at == pattern.size() || pattern[at] == U'-' || pattern[at] == U']') return false;
        if (pattern[at] == U'\\' && ++at == pattern.size()) return false;
        c = pattern[at++];
        return at < pattern.size();
    };
    set.negated = at < pattern.size() && pattern[at] == U'^';
    if (set.negated) ++at;
    while (true) {
        if (at < pattern.size() && pattern[at] == U']' && !set.ranges.empty()) {
            ++at;
            return set;
        }
        std::pair<char32_t, char32_t> range;
        if (!one(range.first)) return bad;
        range.second = range.first;
        if (pattern[at] == U'-' && (++at, !one(range.second))) return bad;
        set.ranges.push_back(range);
    }
}

Result<Wildcard> Wildcard::compile(std::string_view text, bool tree) {
    Wildcard wildcard;
    wildcard.text_ = text;
    const std::u32string pattern = code_points(text);
    bool special = false;  // beyond a "**" in front
    for (std::size_t at = 0; at < pattern.size();) {
        const char32_t c = pattern[at++];
        if (c == U'*') {
            wildcard.literal_ = false;
            const bool leading = at == 1;
            if (!tree || at == pattern.size() || pattern[at] != U'*') {
                wildcard.tokens_.push_back({Kind::any_name});
                special = true;
                continue;
            }
            if (++at < pattern.size() && pattern[at] == U'/') ++at;  // "**/" is as good as "**"
            wildcard.tokens_.push_back({at == pattern.size() ? Kind::any_rest : Kind::any_folders});
            special |= !leading;
        } else if (c == U'?') {
            wildcard.tokens_.push_back({Kind::any_character});
            special = true;
        } else if (c == U'[') {
            auto set = parse_set(pattern, at);
            if (!set) return bad_pattern(text);
            wildcard.tokens_.push_back(*std::move(set));
            special = true;
        } else if (c == U'\\') {
            if (at == pattern.size()) return bad_pattern(text);
            wildcard.tokens_.push_back({Kind::text, pattern[at++]});
            special = true;
        } else {
            wildcard.tokens_.push_back({Kind::text, c});
        }
    }
    wildcard.literal_ = wildcard.literal_ && !special;
    if (tree && !special && text.starts_with("**")) wildcard.suffix_ = std::string(text.substr(2));
    return wildcard;
}

// All states at once, so that no pattern takes longer than its length times the path's. State i: tokens before i are done;
// inside[i]: in the middle of what "**" at i takes.
Wildcard::Outcome Wildcard::run(std::string_view path) const {
    const std::size_t count = tokens_.size();
    std::vector<char> at(count + 1), inside(count + 1), next(count + 1), next_inside(count + 1);
    const auto close = [&](std::vector<char>& states) {
        for (std::size_t i = 0; i < count; ++i) {
            const Kind kind = tokens_[i].kind;
            if (states[i] && (kind == Kind::any_name || kind == Kind::any_rest || kind == Kind::any_folders)) states[i + 1] = 1;
        }
    };
    Outcome outcome;
    at[0] = 1;
    close(at);
    for (std::size_t position = 0; position < path.size();) {
        const std::string_view character = first_character(path.substr(position));
        const char32_t c = point_of(character);
        if (c == U'/' && position > 0 && at[count]) outcome.parent = true;
        position += character.size();
        std::ranges::fill(next, 0);
        std::ranges::fill(next_inside, 0);
        bool alive = false;
        for (std::size_t i = 0; i < count; ++i) {
            const Kind kind = tokens_[i].kind;
            if (kind == Kind::any_folders && (at[i] || inside[i])) {
                next_inside[i] = alive = true;
                if (c == U'/') next[i + 1] = 1;
            } else if (at[i] && (kind == Kind::any_rest || (kind == Kind::any_name && c != U'/'))) {
                next[i] = alive = true;
            } else if (at[i] && tokens_[i].takes(c)) {
                next[i + 1] = alive = true;
            }
        }
        if (!alive) return outcome;
        close(next);
        at.swap(next);
        inside.swap(next_inside);
    }
    outcome.whole = at[count];
    outcome.alive = std::ranges::any_of(at, [](char state) { return state != 0; }) ||
                    std::ranges::any_of(inside, [](char state) { return state != 0; });
    return outcome;
}

bool Wildcard::matches_with_parents(std::string_view path) const {
    if (literal_) return path.starts_with(text_) && (path.size() == text_.size() || path[text_.size()] == '/');
    if (!suffix_) {
        const Outcome outcome = run(path);
        return outcome.whole || outcome.parent;
    }
    for (std::size_t end = 0; end != std::string_view::npos;) {
        end = path.find('/', end + 1);
        const std::string_view part = path.substr(0, end);
        if (part.ends_with(*suffix_) || (suffix_->starts_with('/') && part == std::string_view(*suffix_).substr(1)))
            return true;
    }
    return false;
}

bool Wildcard::may_match_below(std::string_view folder) const {
    if (suffix_) return true;
    if (literal_) return text_.size() > folder.size() + 1 && text_.starts_with(folder) && text_[folder.size()] == '/';
    return run(fmt::format("{}/", folder)).alive;
}

}  // namespace gantry::dockerfile
