#include "dockerfile/script.hpp"
#include "dockerfile/words.hpp"

#include <charconv>

namespace gantry::dockerfile::detail {

std::optional<Heredoc> heredoc_word(std::string_view word) {
    Heredoc document;
    const std::size_t arrows = word.find_first_not_of("0123456789");
    if (arrows == std::string_view::npos || word.substr(arrows, 2) != "<<") return std::nullopt;
    if (arrows > 0 && std::from_chars(word.data(), word.data() + arrows, document.descriptor).ec != std::errc())
        return std::nullopt;
    std::string_view name = word.substr(arrows + 2);
    document.strip_tabs = name.starts_with('-');
    if (document.strip_tabs) name.remove_prefix(1);
    if (name.empty() || name.find('<') != std::string_view::npos) return std::nullopt;
    char quote = 0;
    for (std::size_t at = 0; at < name.size(); ++at) {
        const char c = name[at];
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
            document.expand = false;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && at + 1 < name.size()) {
            document.name += name[++at];
        } else {
            document.name += c;
        }
    }
    if (quote != 0 || document.name.empty()) return std::nullopt;
    return document;
}

namespace {

bool takes_documents(const Statement& statement) {
    const std::string keyword = upper(statement.keyword);
    if (keyword == "ONBUILD") {
        const Statement inner = split_statement(statement.rest);
        return !same_word(inner.keyword, "ONBUILD") && takes_documents(inner);
    }
    if (keyword != "RUN" && keyword != "COPY" && keyword != "ADD") return false;
    const auto array = json_words(statement.rest);
    return array.ok() && !array->has_value();
}

}  // namespace

std::vector<Heredoc> heredocs_of_line(const Statement& statement) {
    std::vector<Heredoc> documents;
    if (statement.original.find("<<") == std::string::npos || !takes_documents(statement)) return documents;
    // The shell's escape, whatever the file's is: the line is the shell's.
    const QuotedWords line = split_quoted(statement.original, '\\');
    if (!line.closed) return documents;
    for (const std::string& word : line.words)
        if (auto document = heredoc_word(word)) documents.push_back(*std::move(document));
    return documents;
}

}  // namespace gantry::dockerfile::detail
