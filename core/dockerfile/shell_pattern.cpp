#include "dockerfile/shell_pattern.hpp"

#include "dockerfile/expand.hpp"
#include "dockerfile/utf8.hpp"
#include "dockerfile/words.hpp"

#include <limits>

namespace gantry::dockerfile::detail {

namespace {

struct Token {
    enum class Kind { text, one, any } kind;
    std::string_view character;
};

constexpr std::size_t no_match = std::numeric_limits<std::size_t>::max();

Result<std::vector<Token>> compile(std::string_view pattern) {
    std::vector<Token> tokens;
    const std::vector<std::string_view> characters = characters_of(pattern);
    for (std::size_t at = 0; at < characters.size(); ++at) {
        const std::string_view c = characters[at];
        if (c == "*") {
            if (tokens.empty() || tokens.back().kind != Token::Kind::any) tokens.push_back({Token::Kind::any, {}});
        } else if (c == "?") {
            tokens.push_back({Token::Kind::one, {}});
        } else if (c == "\\") {
            const std::string_view next = at + 1 < characters.size() ? characters[at + 1] : std::string_view();
            const bool known = !next.empty() && std::string_view("*?\\}/").find(next) != std::string_view::npos;
            if (!known) return error(Errc::invalid, "invalid escape '\\{}' in pattern '{}'", next, shown(pattern));
            tokens.push_back({Token::Kind::text, next});
            ++at;
        } else {
            tokens.push_back({Token::Kind::text, c});
        }
    }
    return tokens;
}

Result<> check_work(std::size_t tokens, std::size_t characters) {
    if ((tokens + 1) * (characters + 1) > pattern_work_limit)
        return error(Errc::invalid, "the pattern and the value are too long");
    return {};
}

// For every position of the value where the longest (or shortest) match that begins there ends; no_match where none does. From
// the last token to the first, so that the time is tokens times characters whatever the pattern.
std::vector<std::size_t> match_ends(const std::vector<Token>& tokens, const std::vector<std::string_view>& value,
                                    bool longest) {
    std::vector<std::size_t> ends(value.size() + 1);
    for (std::size_t at = 0; at <= value.size(); ++at) ends[at] = at;  // nothing left to match
    for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) {
        if (token->kind == Token::Kind::any) {
            for (std::size_t at = value.size(); at-- > 0;) {
                const std::size_t later = ends[at + 1];
                if (ends[at] == no_match || (later != no_match && (longest ? later > ends[at] : later < ends[at])))
                    ends[at] = later;
            }
            continue;
        }
        for (std::size_t at = 0; at < value.size(); ++at)
            ends[at] = token->kind == Token::Kind::one || token->character == value[at] ? ends[at + 1] : no_match;
        ends[value.size()] = no_match;
    }
    return ends;
}

std::string join(const std::vector<std::string_view>& characters, std::size_t begin, std::size_t end) {
    std::string text;
    for (std::size_t at = begin; at < end; ++at) text += characters[at];
    return text;
}

}  // namespace

Result<std::string> cut_prefix(std::string_view value, std::string_view pattern, bool greedy) {
    const std::vector<Token> tokens = TRY(compile(pattern));
    const std::vector<std::string_view> characters = characters_of(value);
    TRY(check_work(tokens.size(), characters.size()));
    const std::size_t end = match_ends(tokens, characters, greedy).front();
    return end == no_match ? std::string(value) : join(characters, end, characters.size());
}

Result<std::string> cut_suffix(std::string_view value, std::string_view pattern, bool greedy) {
    // A suffix is a prefix of both read backwards.
    std::vector<Token> tokens = TRY(compile(pattern));
    std::vector<std::string_view> characters = characters_of(value);
    TRY(check_work(tokens.size(), characters.size()));
    std::ranges::reverse(tokens);
    std::ranges::reverse(characters);
    const std::size_t end = match_ends(tokens, characters, greedy).front();
    std::ranges::reverse(characters);
    return end == no_match ? std::string(value) : join(characters, 0, characters.size() - end);
}

Result<std::string> replaced(std::string_view value, std::string_view pattern, std::string_view replacement, bool all) {
    const std::vector<Token> tokens = TRY(compile(pattern));
    const std::vector<std::string_view> characters = characters_of(value);
    TRY(check_work(tokens.size(), characters.size()));
    const std::vector<std::size_t> ends = match_ends(tokens, characters, true);
    std::string result;
    std::size_t at = 0;
    bool more = true, after_match = false;
    while (at <= characters.size()) {
        // An empty match right behind another one does not count (Go's regexp.ReplaceAll).
        const bool match = more && ends[at] != no_match && !(after_match && ends[at] == at);
        if (match) {
            result += replacement;
            if (result.size() > expansion_limit) return error(Errc::invalid, "the replaced text is too long");
            more = all;
        }
        after_match = match && ends[at] > at;
        if (after_match) {
            at = ends[at];
        } else {
            if (at < characters.size()) result += characters[at];
            ++at;
        }
    }
    return result;
}

}  // namespace gantry::dockerfile::detail
