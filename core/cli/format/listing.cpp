#include "cli/format/listing.hpp"

#include "base/units.hpp"
#include "cli/format/template.hpp"

#include <regex.h>

#include <algorithm>

namespace gantry::cli {

namespace {

// On the command line a format is usually in single quotes: '\t' and '\n' arrive as two characters.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == 't' || text[at + 1] == 'n'))
            out += text[++at] == 't' ? '\t' : '\n';
        else
            out += text[at];
    }
    return out;
}

std::size_t display_width(std::string_view text) {  // code points are near enough
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

constexpr const char* labels_key = "Label";

std::string json_line(const Json& row) {
    Json sorted = Json::object();
    for (const auto& [key, value] : row.items())
        if (key != labels_key) sorted[key] = value;
    return dump_json(sorted) + "\n";
}

Result<std::string> render_row(const Template& layout, Json row) {
    Json labels = Json::object();
    if (row.contains(labels_key)) {
        labels = std::move(row[labels_key]);
        row.erase(labels_key);
    }
    return layout.render(row, [&](const std::string& name, const std::vector<Json>& arguments) -> Result<Json> {
        if (name != labels_key || arguments.size() != 1 || !arguments[0].is_string())
            return error(Errc::invalid, "there is no method '{}' with {} arguments", name, arguments.size());
        const auto found = labels.find(arguments[0].get<std::string>());
        return found == labels.end() ? Json("") : *found;
    });
}

// The heading of a label's column is its last part, as in Docker: "com.example.my-app" has "my app".
Result<Json> label_heading(const std::string&, const std::vector<Json>& arguments) {
    std::string text = arguments.empty() || !arguments[0].is_string() ? "" : arguments[0].get<std::string>();
    text.erase(0, text.rfind('.') + 1);
    std::ranges::replace_if(
        text, [](char c) { return c == '-' || c == '_'; }, ' ');
    return Json(text);
}

Result<std::string> print_table(const Listing& listing, const std::string& format, const std::vector<Json>& rows) {
    const Template layout = TRY(Template::parse(format));
    Json headings = Json::object();
    for (const auto& [field, heading] : listing.columns) headings[field] = heading;
    std::vector<std::string> lines{TRY(layout.render(headings, label_heading))};
    for (const auto& row : rows) lines.push_back(TRY(render_row(layout, row)));
    return align(lines);
}

}  // namespace

std::string align(const std::vector<std::string>& lines) {
    std::vector<std::vector<std::string>> cells;
    std::vector<std::size_t> widths;
    for (const auto& line : lines) {
        auto& row = cells.emplace_back();
        for (std::size_t at = 0;;) {
            const std::size_t end = line.find('\t', at);
            row.push_back(line.substr(at, end - at));
            if (end == std::string::npos) break;
            at = end + 1;
        }
        if (widths.size() < row.size()) widths.resize(row.size(), 10);
        for (std::size_t column = 0; column + 1 < row.size(); ++column)
            widths[column] = std::max(widths[column], display_width(row[column]) + 3);
    }
    std::string out;
    for (const auto& row : cells) {
        for (std::size_t column = 0; column < row.size(); ++column) {
            out += row[column];
            if (column + 1 < row.size()) out.append(widths[column] - display_width(row[column]), ' ');
        }
        out += '\n';
    }
    return out;
}

Result<std::string> print_listing(const Listing& listing, const ListingOptions& options, const std::vector<Json>& rows) {
    std::string out;
    if (options.quiet) {
        for (const auto& row : rows) out += row.at(listing.quiet_field).get<std::string>() + "\n";
        return out;
    }
    const std::string format = unescape(options.format);
    if (format.empty() || format == "table") return print_table(listing, listing.table, rows);
    if (format.starts_with("table ")) return print_table(listing, format.substr(6), rows);
    if (format == "json") {
        for (const auto& row : rows) out += json_line(row);
        return out;
    }
    const Template line = TRY(Template::parse(format));
    for (const auto& row : rows) out += TRY(render_row(line, row)) + "\n";
    return out;
}

bool matches_pattern(const std::string& pattern, const std::string& text) {
    if (pattern == text) return true;
    regex_t compiled;
    if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
    const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
}

Result<Filters> Filters::parse(const std::vector<std::string>& texts, const std::vector<std::string>& known) {
    Filters filters;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos) return error(Errc::invalid, "bad format of filter '{}' (expected name=value)", text);
        const std::string key = text.substr(0, equals);
        if (std::ranges::find(known, key) == known.end())
            return error(Errc::invalid, "invalid filter '{}'{}", key, did_you_mean(key, known));
        filters.values_[key].push_back(text.substr(equals + 1));
    }
    return filters;
}

const std::vector<std::string>& Filters::values(const std::string& key) const {
    static const std::vector<std::string> none;
    const auto found = values_.find(key);
    return found == values_.end() ? none : found->second;
}

bool Filters::match(const std::string& key, const std::function<bool(const std::string&)>& test) const {
    const auto& wanted = values(key);
    return wanted.empty() || std::ranges::any_of(wanted, test);
}

bool Filters::match_labels(const std::map<std::string, std::string>& labels) const {
    return std::ranges::all_of(values("label"), [&](const std::string& wanted) {
        const auto equals = wanted.find('=');
        const auto found = labels.find(wanted.substr(0, equals));
        return found != labels.end() && (equals == std::string::npos || found->second == wanted.substr(equals + 1));
    });
}

}  // namespace gantry::cli
