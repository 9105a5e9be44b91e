#include "container/unit_syntax.hpp"

#include "base/names.hpp"
#include "config/reader.hpp"

#include <csignal>

namespace gantry::container {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string double_percent(std::string_view text) {
    std::string out;
    for (char c : text) out.append(c == '%' ? 2 : 1, c);
    return out;
}

}  // namespace

std::string unit_quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (c == '%')
            out += "%%";
        else if (is_control(c))
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out + "\"";
}

Result<std::string> unit_path(std::string_view path) {
    const bool has_double = path.find('"') != path.npos, has_single = path.find('\'') != path.npos;
    if (std::ranges::any_of(path, is_control) || (has_double && has_single))
        return error(Errc::unsupported, "path '{}' has characters that a unit file cannot carry", path.substr(0, 160));
    const char quote = has_double ? '\'' : '"';
    return quote + double_percent(path) + quote;
}

Result<std::string> unit_line(std::string_view what, std::string_view text) {
    const bool edges = text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == '\\';
    if (edges || std::ranges::any_of(text, is_control))
        return error(Errc::unsupported, "{} '{}' cannot be written into a unit file", what, text.substr(0, 160));
    return double_percent(text);
}

std::string unit_data(std::string_view text) {
    std::string out;
    for (char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view("_-./:=@+,").find(c) != std::string_view::npos;
        if (plain)
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string unit_span(std::chrono::microseconds span) {
    const auto us = span.count();
    if (span == std::chrono::microseconds::max()) return "infinity";
    if (us % 1'000'000 == 0) return fmt::format("{}s", us / 1'000'000);
    if (us % 1000 == 0) return fmt::format("{}ms", us / 1000);
    return fmt::format("{}us", us);
}

std::string unit_limit(std::uint64_t value) { return value == ~std::uint64_t{0} ? "infinity" : std::to_string(value); }

std::string unit_signal(int signal) {
    if (signal >= SIGRTMIN && signal <= SIGRTMAX) return fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
    const char* name = sigabbrev_np(signal);
    return name ? fmt::format("SIG{}", name) : std::to_string(signal);
}

std::string unit_dependency(std::string_view name) {
    if (config::is_unit_name(name)) return double_percent(name);
    return fmt::format("ctr@{}.service", name);
}

std::string journal_field(std::string_view prefix, std::string_view name) {
    std::string field(prefix);
    for (char c : name) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        field += plain ? c : '_';
    }
    return field.substr(0, 64);
}

void UnitWriter::section(std::string_view name) { section_ = fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", name); }

void UnitWriter::line(std::string_view key, std::string_view value) {
    text_ += section_;
    section_.clear();
    text_ += fmt::format("{}={}\n", key, value);
}

}  // namespace gantry::container
