#include "dockerfile/script.hpp"

#include "base/units.hpp"
#include "dockerfile/parse.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile::detail {

namespace {

class Reader {
public:
    Reader(std::string_view text, bool directives, Location& failed) : text_(text), directives_(directives), failed_(failed) {}
    Result<Script> read();

private:
    // The next line, with its end; it is the one that line_ counts.
    bool next_line(std::string_view& line);
    Result<> read_directive(std::string_view line);
    // Joins the lines that follow one with an escape at its end.
    Result<> read_statement(std::string_view first);
    Result<> read_heredocs(Statement& statement, std::vector<Heredoc> documents);
    // Takes the escape off the end of a line; whether there was one.
    [[nodiscard]] bool take_continuation(std::string_view& line) const;
    Error fail(std::size_t first, std::size_t last, Error error);

    std::string_view text_;
    bool directives_;
    Location& failed_;
    std::size_t line_ = 0;
    std::vector<std::string> comments_;
    std::vector<std::string> seen_;  // directives
    Script script_;
};

std::string_view without_end(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view without_tabs(std::string_view line) {
    while (line.starts_with('\t')) line.remove_prefix(1);
    return line;
}

bool Reader::next_line(std::string_view& line) {
    if (text_.empty()) return false;
    const std::size_t end = text_.find('\n');
    line = text_.substr(0, end == std::string_view::npos ? end : end + 1);
    text_.remove_prefix(line.size());
    ++line_;
    return true;
}

Error Reader::fail(std::size_t first, std::size_t last, Error error) {
    failed_ = {first, last};
    return error;
}

Result<> Reader::read_directive(std::string_view line) {
    // "# NAME = VALUE", nothing else above it but other directives.
    const std::size_t equals = line.find('=');
    std::string_view name = trimmed(line.substr(0, equals));
    name = trimmed(name.substr(std::min<std::size_t>(1, name.size())));
    const std::string key = lower(name);
    const bool known = key == "syntax" || key == "escape" || key == "check";
    const std::string_view value = equals == std::string_view::npos ? "" : trimmed(line.substr(equals + 1));
    directives_ = line.starts_with('#') && known && !value.empty();
    if (!directives_) return {};
    if (std::ranges::find(seen_, key) != seen_.end())
        return error(Errc::invalid, "only one '{}' parser directive can be used", key);
    seen_.push_back(key);
    if (key == "syntax") script_.directives.syntax = value;
    if (key == "check") script_.directives.check = TRY(parse_check_directive(value));
    if (key == "escape") {
        if (value != "\\" && value != "`")
            return error(Errc::invalid, "escape '{}' is neither a backslash nor a backtick", shown(value));
        script_.directives.escape = value.front();
    }
    return {};
}

bool Reader::take_continuation(std::string_view& line) const {
    const std::size_t last = line.find_last_not_of(" \t");
    const char escape = script_.directives.escape;
    // Two of them are an escaped escape.
    if (last == std::string_view::npos || line[last] != escape || (last > 0 && line[last - 1] == escape)) return false;
    line = line.substr(0, last);
    return true;
}

Result<> Reader::read_statement(std::string_view first) {
    const std::size_t start = line_;
    std::string joined;
    bool more = take_continuation(first);
    joined = first;
    std::string_view line;
    while (more && next_line(line)) {
        line = without_end(line);
        if (trimmed_left(line).starts_with('#')) continue;
        if (trimmed(line).empty()) {
            script_.empty_continuations.push_back(line_);
            continue;
        }
        more = take_continuation(line);
        joined += line;
    }
    if (joined.find('\0') != std::string::npos) return fail(start, line_, error(Errc::invalid, "a zero byte in the text"));
    if (trimmed(joined).empty()) return {};  // an escape and nothing else
    if (script_.statements.size() >= instruction_limit)
        return fail(start, line_, error(Errc::invalid, "more than {} instructions", instruction_limit));
    Statement statement = split_statement(joined);
    statement.comments = std::move(comments_);
    comments_.clear();
    statement.where = {start, line_};
    std::vector<Heredoc> documents = heredocs_of_line(statement);
    if (documents.size() > heredoc_limit)
        return fail(start, line_, error(Errc::invalid, "more than {} here-documents", heredoc_limit));
    TRY(read_heredocs(statement, std::move(documents)));
    script_.statements.push_back(std::move(statement));
    return {};
}

Result<> Reader::read_heredocs(Statement& statement, std::vector<Heredoc> documents) {
    for (Heredoc& document : documents) {
        std::string_view line;
        bool ended = false;
        while (!ended && next_line(line)) {
            const std::string_view bare = document.strip_tabs ? without_tabs(line) : line;
            ended = without_end(bare) == document.name;
            if (ended) break;
            document.raw += line;
            document.content += bare;
        }
        statement.where.last = line_;
        if (!ended)
            return fail(
                statement.where.first, statement.where.first,
                error(Errc::invalid, "here-document '{}' has no end: a line '{}'", shown(document.name), shown(document.name)));
        statement.heredocs.push_back(std::move(document));
    }
    return {};
}

Result<Script> Reader::read() {
    if (text_.size() > file_limit) return fail(0, 0, error(Errc::invalid, "Dockerfile larger than {} bytes", file_limit));
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    std::string_view line;
    while (next_line(line)) {
        const std::string_view bare = trimmed_left(without_end(line));
        if (line_ == 1 && bare.starts_with("#!")) continue;
        if (directives_) {
            if (auto read = read_directive(bare); !read) return fail(line_, line_, std::move(read).error());
            if (directives_) continue;
        }
        if (bare.starts_with('#')) {
            const std::string_view comment = trimmed(bare.substr(1));
            if (comment.empty())
                comments_.clear();
            else
                comments_.emplace_back(comment);
        } else if (bare.empty()) {
            comments_.clear();
        } else {
            TRY(read_statement(bare));
        }
    }
    return std::move(script_);
}

// Takes one flag ("--name=some \"quoted\" text") off the text; nothing where the next word is none.
std::optional<std::string> take_flag(std::string_view& text) {
    if (!text.starts_with("--")) return std::nullopt;
    std::string flag;
    char quote = 0;
    std::size_t at = 0;
    for (; at < text.size() && (quote != 0 || !is_blank(text[at])); ++at) {
        const char c = text[at];
        if (c == '\\') {
            if (at + 1 < text.size()) flag += text[++at];
        } else if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote) {
            quote = 0;
        } else {
            flag += c;
        }
    }
    text = trimmed_left(text.substr(std::min(at, text.size())));
    return flag;
}

}  // namespace

Statement split_statement(std::string_view line) {
    Statement statement;
    line = trimmed(line);
    statement.original = line;
    statement.keyword = take_word(line);
    while (auto flag = take_flag(line)) {
        if (*flag == "--") break;  // the end of flags
        statement.flags.push_back(*std::move(flag));
    }
    statement.rest = line;
    return statement;
}

Result<CheckDirective> parse_check_directive(std::string_view text) {
    CheckDirective check;
    const auto names = [](std::string_view list) {
        std::vector<std::string> result;
        for (const std::string_view name : split(list, ','))
            if (!trimmed(name).empty()) result.emplace_back(trimmed(name));
        return result;
    };
    for (const std::string_view field : split(text, ';')) {
        const std::string_view option = trimmed(field);
        if (option.empty()) continue;
        const std::size_t equals = std::min(option.find('='), option.size());
        const std::string key = lower(trimmed(option.substr(0, equals)));
        const std::string_view value = trimmed(option.substr(std::min(equals + 1, option.size())));
        if (key == "skip")
            check.skip = names(value);
        else if (key == "experimental")
            check.experimental = names(value);
        else if (key == "error" && (same_word(value, "true") || same_word(value, "false")))
            check.error = same_word(value, "true");
        else if (key == "error")
            return error(Errc::invalid, "check directive: error is true or false, not '{}'", shown(value));
        else
            return error(Errc::invalid, "check directive: no option '{}', there are skip, error and experimental", shown(key));
    }
    return check;
}

Result<Script> read_script(std::string_view text, bool directives, Location& failed) {
    return Reader(text, directives, failed).read();
}

}  // namespace gantry::dockerfile::detail
