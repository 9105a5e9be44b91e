// A statement becomes an instruction. For the .cpp files of this folder only.
#pragma once

#include "dockerfile/flags.hpp"

namespace gantry::dockerfile::detail {

using What = decltype(Instruction::what);

// Errors have no place. escape is the file's.
Result<Instruction> make_instruction(const Statement& statement, char escape);

// One kind each.
Result<What> make_from(const Statement& statement);
Result<What> make_run(const Statement& statement);
Result<What> make_copy(const Statement& statement);
Result<What> make_add(const Statement& statement);
Result<What> make_env(const Statement& statement, char escape);
Result<What> make_label(const Statement& statement, char escape);
Result<What> make_arg(const Statement& statement, char escape);
Result<What> make_healthcheck(const Statement& statement);

// "requires at least one argument" and the like.
Result<> need_text(const Statement& statement);
Result<Command> make_command(std::string_view text);

// RUN --mount=TEXT. expand: what a value is replaced by; where it is nothing, values with a '$' are left for later.
using Expand = std::function<Result<std::string>(std::string_view)>;
Result<RunMount> parse_mount(std::string_view text, const Expand& expand = {});

// Checks of what needs no variables; expanded() makes them too.
Result<> check_copy(const Copy& copy);
Result<> check_checksum(std::string_view text);
Result<> check_signal(std::string_view text);
Result<> check_ports(const std::vector<std::string>& words);

}  // namespace gantry::dockerfile::detail
