// Text to tree. Errors are one line, "Dockerfile:3: unknown instruction 'RNU', did you mean 'RUN'"; the lines around the place
// come from excerpt(), because an Error never has several lines.
#pragma once

#include "dockerfile/ast.hpp"

namespace gantry::dockerfile {

constexpr std::size_t file_limit = 1U << 20;       // bytes of a Dockerfile
constexpr std::size_t instruction_limit = 10'000;  // of a file
constexpr std::size_t words_limit = 20'000;        // of an instruction: sources, keys, words of the exec form
constexpr std::size_t heredoc_limit = 100;         // of an instruction

// file is for messages. failed: where not null, is set to the place of the error ({0, 0} where it has none).
Result<Dockerfile> parse(std::string_view text, std::string_view file, Location* failed = nullptr);

// One ONBUILD trigger, from a Dockerfile or as an image configuration stores it ("COPY . /app"); may have here-documents after
// the first line. ONBUILD, FROM and MAINTAINER are refused. Its location is {0, 0}.
Result<Instruction> parse_trigger(std::string_view text);

// What BuildKit prints below an error: the lines with up to two around them, those of where marked.
//     Dockerfile:3
//     --------------------
//        1 |     FROM scratch
//        2 |
//        3 | >>> RNU make
//     --------------------
// Ends in a newline; control characters but tabs are left out, long lines are cut, of more than 20 marked lines the middle is
// left out. Empty where the lines are not in text.
std::string excerpt(std::string_view text, std::string_view file, Location where);

// The error with "FILE:LINE: " in front: for errors of expanded() and of the executor's steps.
Error located(const Error& error, std::string_view file, Location where);

}  // namespace gantry::dockerfile
