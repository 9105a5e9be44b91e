#include "dockerfile/expand.hpp"

#include "dockerfile/shell_pattern.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

constexpr std::size_t lookup_limit = 64U << 20;  // bytes of all values that one text makes us look at

// What a word becomes, and the words that it splits into.
class Output {
public:
    Result<> add(std::string_view text, bool splits) {
        if (whole.size() + text.size() > expansion_limit)
            return error(Errc::invalid, "longer than {} bytes after expansion", expansion_limit);
        whole += text;
        if (!splits) {
            word_ += text;
            inside_ = true;
            return {};
        }
        for (const char c : text) {
            if (!is_blank(c)) {
                word_ += c;
                inside_ = true;
            } else {
                end_word();
            }
        }
        return {};
    }
    std::vector<std::string> take_words() {
        end_word();
        return std::move(words_);
    }

    std::string whole;

private:
    void end_word() {
        if (inside_ && !word_.empty()) words_.push_back(std::move(word_));
        word_.clear();
        inside_ = false;
    }

    std::string word_;
    std::vector<std::string> words_;
    bool inside_ = false;
};

// A recursive-descent reading of the text: what the reference calls environment replacement, with the corner cases of
// BuildKit's shell/lex.go.
class Expander {
public:
    Expander(std::string_view text, const Lookup& lookup, char escape, bool quotes)
        : text_(text), lookup_(lookup), escape_(escape), quotes_(quotes) {}
    // Until stop (taken too), or the end where stop is 0. keep_escapes: for patterns, which have escapes of their own.
    Result<Output> read(char stop, bool keep_escapes);

private:
    [[nodiscard]] bool done() const { return at_ == text_.size(); }
    [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
    Result<std::string> single_quoted();
    Result<std::string> double_quoted(bool keep_escapes);
    Result<std::string> variable();
    Result<std::string> braces();
    Result<std::string> modified(std::string_view name, char modifier, bool empty_counts);
    Result<std::string> substituted(std::string_view name);
    std::string_view name();
    Result<std::optional<std::string>> value(std::string_view name);

    std::string_view text_;
    const Lookup& lookup_;
    char escape_;
    bool quotes_;
    std::size_t at_ = 0;
    int depth_ = 0;
    std::size_t looked_at_ = 0;
};

bool is_special(char c) { return c != '\0' && std::string_view("@*#?-$!").find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

Result<Output> Expander::read(char stop, bool keep_escapes) {
    Output output;
    while (!done()) {
        const char c = peek();
        if (stop != '\0' && c == stop) {
            ++at_;
            return output;
        }
        if (c == '$') {
            const std::string value = TRY(variable());
            TRY(output.add(value, true));
        } else if (quotes_ && c == '\'') {
            const std::string inside = TRY(single_quoted());
            TRY(output.add(inside, false));
        } else if (quotes_ && c == '"') {
            const std::string inside = TRY(double_quoted(keep_escapes));
            TRY(output.add(inside, false));
        } else if (c == escape_) {
            ++at_;
            if (keep_escapes) TRY(output.add(std::string_view(&escape_, 1), false));
            if (done()) break;
            TRY(output.add(text_.substr(at_++, 1), false));
        } else {
            TRY(output.add(text_.substr(at_++, 1), true));
        }
    }
    if (stop != '\0') return error(Errc::invalid, "syntax error: missing '{}'", stop);
    return output;
}

Result<std::string> Expander::single_quoted() {
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos)
        return error(Errc::invalid, "unexpected end of statement while looking for matching single-quote");
    std::string inside(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return inside;
}

Result<std::string> Expander::double_quoted(bool keep_escapes) {
    std::string inside;
    ++at_;
    while (!done()) {
        const char c = peek();
        if (c == '"') {
            ++at_;
            return inside;
        }
        if (c == '$') {
            inside += TRY(variable());
            if (inside.size() > expansion_limit)
                return error(Errc::invalid, "longer than {} bytes after expansion", expansion_limit);
            continue;
        }
        ++at_;
        if (c != escape_) {
            inside += c;
            continue;
        }
        // Only these can be escaped; before anything else the escape is text.
        const bool escapes = !done() && (peek() == '"' || peek() == '$' || peek() == escape_);
        if (keep_escapes || (!escapes && !done())) inside += escape_;
        if (escapes) inside += text_[at_++];
    }
    return error(Errc::invalid, "unexpected end of statement while looking for matching double-quote");
}

std::string_view Expander::name() {
    const std::size_t begin = at_;
    if (is_digit(peek())) {
        while (is_digit(peek())) ++at_;
    } else if (is_special(peek())) {
        ++at_;
    } else {
        while (is_name(peek())) ++at_;
    }
    return text_.substr(begin, at_ - begin);
}

Result<std::optional<std::string>> Expander::value(std::string_view name) {
    // Positional and special parameters have no values in a build.
    if (name.empty() || is_digit(name.front()) || is_special(name.front())) return std::optional<std::string>();
    std::optional<std::string> found = lookup_(name);
    looked_at_ += name.size() + (found ? found->size() : 0);
    if (looked_at_ > lookup_limit) return error(Errc::invalid, "more than {} bytes of variables", lookup_limit);
    return found;
}

Result<std::string> Expander::variable() {
    ++at_;  // '$'
    if (peek() == '{') {
        if (++depth_ > expansion_depth) return error(Errc::invalid, "variables nested deeper than {} levels", expansion_depth);
        ++at_;
        std::string result = TRY(braces());
        --depth_;
        return result;
    }
    const std::string_view variable = name();
    if (variable.empty()) return std::string("$");
    return TRY(value(variable)).value_or("");
}

Result<std::string> Expander::braces() {
    if (done()) return error(Errc::invalid, "syntax error: missing '}}'");
    if (peek() == '{' || peek() == '}' || peek() == ':') return error(Errc::invalid, "syntax error: bad substitution");
    const std::string_view variable = name();
    if (done()) return error(Errc::invalid, "syntax error: missing '}}'");
    char modifier = text_[at_++];
    if (modifier == '}') return TRY(value(variable)).value_or("");
    if (modifier == '/') return substituted(variable);
    const bool colon = modifier == ':';
    if (colon) {
        if (done()) return error(Errc::invalid, "syntax error: missing '}}'");
        modifier = text_[at_++];
    }
    if (std::string_view("-+?#%").find(modifier) == std::string_view::npos || (colon && (modifier == '#' || modifier == '%')))
        return error(Errc::invalid, "unsupported modifier ({}{}) in substitution", colon ? ":" : "", modifier);
    return modified(variable, modifier, colon);
}

Result<std::string> Expander::modified(std::string_view name, char modifier, bool empty_counts) {
    const bool pattern = modifier == '#' || modifier == '%';
    std::string word = TRY(read('}', pattern)).whole;
    const std::optional<std::string> found = TRY(value(name));
    const bool given = found && !(empty_counts && found->empty());
    if (modifier == '-') return given ? *found : word;
    if (modifier == '+') return given ? word : std::string();
    if (modifier == '?') {
        if (given) return *found;
        if (word.empty()) word = found ? "is not allowed to be empty" : "is not allowed to be unset";
        return error(Errc::invalid, "{}: {}", name, word);
    }
    const bool greedy = word.starts_with(modifier);
    const std::string_view text = std::string_view(word).substr(greedy ? 1 : 0);
    return modifier == '#' ? cut_prefix(found.value_or(""), text, greedy) : cut_suffix(found.value_or(""), text, greedy);
}

Result<std::string> Expander::substituted(std::string_view name) {
    const bool all = peek() == '/';
    if (all) ++at_;
    const std::string pattern = TRY(read('/', true)).whole;
    const std::string replacement = TRY(read('}', true)).whole;
    return replaced(TRY(value(name)).value_or(""), pattern, replacement, all);
}

Result<Output> expand(std::string_view text, const Lookup& lookup, char escape, bool quotes) {
    return TRY_CONTEXT(Expander(text, lookup, escape, quotes).read('\0', false), "failed to process '{}'", shown(text));
}

}  // namespace

Result<std::string> expand_word(std::string_view text, const Lookup& lookup, char escape) {
    return TRY(expand(text, lookup, escape, true)).whole;
}

Result<std::vector<std::string>> expand_words(std::string_view text, const Lookup& lookup, char escape) {
    return TRY(expand(text, lookup, escape, true)).take_words();
}

Result<std::string> expand_document(std::string_view text, const Lookup& lookup, char escape) {
    return TRY(expand(text, lookup, escape, false)).whole;
}

}  // namespace gantry::dockerfile
