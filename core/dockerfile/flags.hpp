// The flags of an instruction ("--from=build --link"). For the .cpp files of this folder only.
#pragma once

#include "dockerfile/script.hpp"

namespace gantry::dockerfile::detail {

enum class FlagKind { boolean, text, list };

struct FlagRule {
    std::string_view name;
    FlagKind kind;
};

class Flags {
public:
    // Errors: a flag that rules do not have (with the nearest that they have), a value that is missing or not true or false, a
    // flag given twice that is no list.
    static Result<Flags> read(const Statement& statement, const std::vector<FlagRule>& rules);

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view name) const;

private:
    std::vector<std::pair<std::string, std::string>> given_;
};

}  // namespace gantry::dockerfile::detail
