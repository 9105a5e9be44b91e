#include "dockerfile/parse.hpp"

namespace gantry::dockerfile {

namespace {

constexpr std::size_t width_limit = 200;  // bytes of a line that are shown
constexpr std::size_t marked_limit = 20;  // lines
constexpr std::string_view rule = "--------------------\n";

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

// Nothing in it can move the cursor or colour the terminal.
std::string printable(std::string_view line) {
    std::string result;
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte >= 0x20 && byte != 0x7f) || c == '\t') result += c;
    }
    if (result.size() <= width_limit) return result;
    std::size_t end = width_limit;
    while (end > 0 && (static_cast<unsigned char>(result[end]) & 0xC0U) == 0x80U) --end;  // between UTF-8 characters
    return result.substr(0, end) + "...";
}

std::string numbered(std::size_t number, std::string_view mark, std::string_view line) {
    std::string text = fmt::format(" {:3} | {}{}", number, mark, printable(line));
    text.erase(text.find_last_not_of(" \t") + 1);
    return text + "\n";
}

}  // namespace

Error located(const Error& error, std::string_view file, Location where) {
    return error.context(where.first == 0 ? std::string(file) : fmt::format("{}:{}", file, where.first));
}

std::string excerpt(std::string_view text, std::string_view file, Location where) {
    const std::vector<std::string_view> lines = lines_of(text);
    if (where.first == 0 || where.first > where.last || where.first > lines.size()) return "";
    const std::size_t last = std::min(where.last, lines.size());
    // Around a single line two, around several one (BuildKit, solver/errdefs/source.go).
    const std::size_t around = where.first == last ? 2 : 1;
    const std::size_t begin = where.first > around ? where.first - around : 1;
    const std::size_t end = std::min(last + around, lines.size());
    std::string result = fmt::format("{}:{}\n{}", file, where.first, rule);
    const std::size_t marked = last - where.first + 1;
    for (std::size_t number = begin; number <= end; ++number) {
        const std::size_t at = number - where.first;
        if (number >= where.first && marked > marked_limit && at >= marked_limit / 2 && at < marked - marked_limit / 2) {
            if (at == marked_limit / 2) result += fmt::format("     | ... {} lines\n", marked - marked_limit);
            continue;
        }
        result += numbered(number, number >= where.first && number <= last ? ">>> " : "    ", lines[number - 1]);
    }
    return result + std::string(rule);
}

}  // namespace gantry::dockerfile
