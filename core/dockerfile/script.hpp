// A Dockerfile as statements: lines joined, comments dropped, here-documents taken out, keyword and flags split off. For the
// .cpp files of this folder only.
#pragma once

#include "dockerfile/ast.hpp"

#include <string_view>

namespace gantry::dockerfile::detail {

struct Statement {
    std::string keyword;             // as written
    std::vector<std::string> flags;  // "--from=build", quotes and escapes taken off
    std::string rest;                // behind the flags, without blanks around
    std::string original;            // the whole line
    std::vector<Heredoc> heredocs;
    Location where;
    std::vector<std::string> comments;
};

struct Script {
    Directives directives;
    std::vector<Statement> statements;
    std::vector<std::size_t> empty_continuations;
};

// directives: whether comments at the top may be parser directives. failed is set on error.
Result<Script> read_script(std::string_view text, bool directives, Location& failed);

// Keyword, flags and rest of a line that may be inside of another (ONBUILD).
Statement split_statement(std::string_view line);

// The word as a here-document's introduction ("2<<-'EOF'"); nothing where it is none.
std::optional<Heredoc> heredoc_word(std::string_view word);
// The introductions on a line, in order. Empty where the statement takes none.
std::vector<Heredoc> heredocs_of_line(const Statement& statement);

Result<CheckDirective> parse_check_directive(std::string_view text);

}  // namespace gantry::dockerfile::detail
