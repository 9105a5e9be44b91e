#include "dockerfile/words.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "dockerfile/parse.hpp"

namespace gantry::dockerfile::detail {

namespace {

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
char uppered(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

}  // namespace

std::string_view trimmed_left(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    return text;
}

std::string_view trimmed(std::string_view text) {
    text = trimmed_left(text);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), lowered);
    return result;
}

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), uppered);
    return result;
}

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lowered(x) == lowered(y); });
}

std::string shown(std::string_view text) {
    return text.size() <= 80 ? std::string(text) : std::string(text.substr(0, 77)) + "...";
}

std::string_view take_word(std::string_view& text) {
    const std::size_t end =
        std::min(text.size(), static_cast<std::size_t>(std::ranges::find_if(text, is_blank) - text.begin()));
    const std::string_view word = text.substr(0, end);
    text = trimmed_left(text.substr(end));
    return word;
}

std::vector<std::string> split_blanks(std::string_view text) {
    std::vector<std::string> words;
    for (text = trimmed(text); !text.empty();) words.emplace_back(take_word(text));
    return words;
}

QuotedWords split_quoted(std::string_view text, char escape) {
    QuotedWords result;
    std::string word;
    bool inside = false;
    char quote = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quote == 0 && is_blank(c)) {
            if (inside) result.words.push_back(std::move(word));
            word.clear();
            inside = false;
            continue;
        }
        inside = true;
        // Nothing can be escaped between single quotes; an escape at the very end is dropped.
        if (c == escape && quote != '\'') {
            if (at + 1 == text.size()) break;
            word += c;
            word += text[++at];
            continue;
        }
        if (quote == 0 && (c == '"' || c == '\''))
            quote = c;
        else if (c == quote)
            quote = 0;
        word += c;
    }
    if (inside && !word.empty()) result.words.push_back(std::move(word));
    result.closed = quote == 0;
    return result;
}

Result<std::optional<std::vector<std::string>>> json_words(std::string_view text) {
    using Words = std::optional<std::vector<std::string>>;
    if (!text.starts_with('[')) return Words();
    const Json array = parse_json(text);
    if (array.is_discarded() || !array.is_array()) return Words();
    if (array.size() > words_limit) return error(Errc::invalid, "more than {} words", words_limit);
    std::vector<std::string> words;
    for (const Json& item : array) {
        if (!item.is_string()) return error(Errc::invalid, "an array in JSON syntax must consist of strings only");
        words.push_back(item.get_ref<const std::string&>());
        if (words.back().find('\0') != std::string::npos) return error(Errc::invalid, "a word must not contain a zero byte");
    }
    return Words(std::move(words));
}

}  // namespace gantry::dockerfile::detail
