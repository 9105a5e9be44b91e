// Values as systemd.syntax(7) and each setting's own parser want them. Internal to the drop-in.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::container {

// "..." with C escapes and doubled %: for settings that unquote and unescape (LogExtraFields=).
std::string unit_quoted(std::string_view text);
// A path in a list that unquotes but keeps backslashes (RequiresMountsFor=); an error for what cannot be written so.
Result<std::string> unit_path(std::string_view path);
// One line as it stands (Description=, LoadCredential='s path): only % is doubled.
Result<std::string> unit_line(std::string_view what, std::string_view text);
// Every byte that is not plain as \xNN: SetCredential='s data, which is unescaped but has no specifiers.
std::string unit_data(std::string_view text);

std::string unit_span(std::chrono::microseconds span);  // "10s", "infinity"
std::string unit_limit(std::uint64_t value);            // "infinity" for ~0
std::string unit_signal(int signal);                    // "SIGTERM", "SIGRTMIN+3"
// "ctr@db.service" for "db"; units' own names stay, with % doubled.
std::string unit_dependency(std::string_view name);
// "LABEL_COM_EXAMPLE_TEAM" for the label "com.example.team": journal fields have A-Z, 0-9 and _ and at most 64 bytes.
std::string journal_field(std::string_view prefix, std::string_view name);

class UnitWriter {
public:
    void section(std::string_view name);
    void line(std::string_view key, std::string_view value);
    // Returns the text of all sections that got a line.
    [[nodiscard]] std::string text() const { return text_; }

private:
    std::string text_, section_;
};

}  // namespace gantry::container
