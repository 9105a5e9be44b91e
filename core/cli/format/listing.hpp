// How a verb that lists things prints them: Docker's table, --format (a template, "table TEMPLATE" or "json"), --quiet.
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <string>
#include <utility>
#include <vector>

namespace gantry::cli {

using Json = OrderedJson;

struct Listing {
    std::vector<std::pair<std::string, std::string>> columns;  // field, heading: {"Names", "NAMES"}; all fields that rows have
    std::string table;                                         // the default table's template
    std::string quiet_field;                                   // what --quiet prints
};

struct ListingOptions {
    std::string format;
    bool quiet = false;
};

// The text for standard output. Every row is an object with (at least) the listing's fields, all strings. A row may have an
// object "Label" besides: what {{.Label "KEY"}} looks up.
Result<std::string> print_listing(const Listing& listing, const ListingOptions& options, const std::vector<Json>& rows);

// Lines of tab-separated cells, aligned as Go's tabwriter does with Docker's settings: cells at least 10 wide, 3 blanks
// between.
std::string align(const std::vector<std::string>& lines);

// How Docker's daemon compares names and ids with a filter: equal, or a regular expression that matches a part.
bool matches_pattern(const std::string& pattern, const std::string& text);

// --filter KEY=VALUE...: known keys only. The same key may repeat (any of its values), different keys must all hold.
class Filters {
public:
    static Result<Filters> parse(const std::vector<std::string>& texts, const std::vector<std::string>& known);
    [[nodiscard]] bool has(const std::string& key) const { return values_.contains(key); }
    [[nodiscard]] const std::vector<std::string>& values(const std::string& key) const;
    // True without a filter of that key, or when test(value) holds for one of its values.
    [[nodiscard]] bool match(const std::string& key, const std::function<bool(const std::string&)>& test) const;
    // label=KEY and label=KEY=VALUE: here all of them must hold, as in Docker.
    [[nodiscard]] bool match_labels(const std::map<std::string, std::string>& labels) const;

private:
    std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace gantry::cli
