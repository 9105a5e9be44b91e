// Words of an instruction's text. For the .cpp files of this folder only.
#pragma once

#include "base/result.hpp"
#include "base/text.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::dockerfile::detail {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n'; }
std::string_view trimmed(std::string_view text);
std::string_view trimmed_left(std::string_view text);
std::string lower(std::string_view text);
std::string upper(std::string_view text);
bool same_word(std::string_view a, std::string_view b);  // ASCII case does not count
// What an error quotes of the user's text: its beginning.
std::string shown(std::string_view text);

// The first word, which is taken off text together with the blanks after it.
std::string_view take_word(std::string_view& text);
std::vector<std::string> split_blanks(std::string_view text);

// Words of ENV, LABEL, ARG and of lines with here-documents: blanks inside of quotes do not separate, quotes and escapes stay.
struct QuotedWords {
    std::vector<std::string> words;
    bool closed = true;  // no quote was left open
};
QuotedWords split_quoted(std::string_view text, char escape);

// "[...]": the strings of a JSON array; nothing where the text is not JSON (it is shell form then). An array of something else
// than strings is an error.
Result<std::optional<std::vector<std::string>>> json_words(std::string_view text);

}  // namespace gantry::dockerfile::detail
