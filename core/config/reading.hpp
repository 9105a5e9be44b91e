// How this room walks a TOML file: every key has one entry in a table, every mistake is kept with its place, and the walk goes
// on, so that one run shows all errors of a file. Internal to core/config (toml++ stays behind it).
#pragma once

#include "base/result.hpp"
#include "base/units.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace gantry::config {

// Text for an error line: short, and without control characters that could play tricks on a terminal.
std::string printable(std::string_view text, std::size_t limit = 80);

// Nesting that would make a recursive parser or destructor run out of stack is refused before toml++ sees the text (its own
// limit does not count dotted keys: [a.a.a...], 3.3.0).
Result<> check_nesting(std::string_view text, const std::string& file);

// toml++'s parser behind check_nesting; syntax errors as "FILE:LINE:COLUMN: ...".
Result<toml::table> parse_toml(std::string_view text, const std::string& file);

struct Place {
    std::uint32_t line = 1, column = 1;
};

class Reading {
public:
    explicit Reading(std::string file) : file_(std::move(file)) {}

    void fail(Place place, std::string message);
    void fail_unknown(Place place, const std::string& scope, std::string_view key);
    // At the key of that dotted path, or at the start of the file where it was not written.
    void fail_at(const std::string& path, std::string_view message);
    void remember(const std::string& path, Place place) { places_.emplace(path, place); }
    [[nodiscard]] bool has(const std::string& path) const { return places_.contains(path); }
    [[nodiscard]] bool ok() const { return failures_.empty(); }
    // Every mistake in the order of the file; a number bounds how many are told.
    [[nodiscard]] std::vector<std::string> lines() const;
    // The first one, and how many more there are.
    [[nodiscard]] Result<> result() const;

    // Dotted paths of all keys, for "did you mean"; set by the owner of the schema.
    std::vector<std::string> known;

private:
    struct Failure {
        Place place;
        std::string message;
        // Of an unknown key, instead of a message: suggestions cost time, and only a few failures are shown.
        std::string scope, unknown;
    };
    std::string file_;
    std::vector<Failure> failures_;
    std::map<std::string, Place> places_;
};

// One value of the file with its dotted name ("limits.memory", "ports[1]").
struct Item {
    const toml::node& node;
    std::string path;
    Reading& reading;

    void fail(std::string_view message) const;
    // The value of a piece's parser, or its error at this place.
    template <class T, class U>
    void take(Result<T> parsed, U& out) const {
        if (parsed.ok())
            out = std::move(parsed).value();
        else
            fail(parsed.error().message());
    }
    void expected(std::string_view what) const;  // "key 'x' must be WHAT, not an integer"
};

Place place_of(const toml::source_region& region);

// Readers of simple values; a wrong type or range is recorded and leaves out untouched.
bool get(const Item& item, std::string& out);  // a string without NUL bytes
void get(const Item& item, bool& out);
bool get_integer(const Item& item, std::int64_t low, std::int64_t high, std::int64_t& out);
bool get_scalar(const Item& item, std::string& out);                  // a string, an integer or a boolean, as text
void get(const Item& item, std::vector<std::string>& out);            // an array of strings, or one string
void get(const Item& item, std::map<std::string, std::string>& out);  // a table of scalars
void get_bytes(const Item& item, std::uint64_t& out);                 // 512, "64k"
// "10s" or a number of seconds; infinite: also "infinity" and -1, as microseconds::max().
void get_duration(const Item& item, std::optional<std::chrono::microseconds>& out, bool infinite = false);

// Calls use for each element; a single value that is no array counts as an array of one.
void each(const Item& item, const std::function<void(const Item&)>& use);
// Calls use for each key of a table.
void each_key(const Item& item, const std::function<void(const std::string& key, const Item&)>& use);

template <class T>
struct Key {
    const char* name;
    void (*read)(const Item& item, T& out);
};

// "key 'memroy' is not known, did you mean 'memory'". scope: the table's dotted name, known: dotted paths.
std::string unknown_key(const std::string& scope, std::string_view key, const std::vector<std::string>& known);

// Reads a table by its schema. prefix: what its keys' paths start with ("limits.", "mounts[0].", "" at the top); scope: the
// table's name in known paths ("limits", "mounts", "").
template <class T>
void read_table(const toml::table& table, const std::string& prefix, const std::string& scope, Reading& reading,
                std::span<const Key<T>> keys, T& out) {
    for (auto&& [key, node] : table) {
        const Place place = place_of(key.source());
        const auto found = std::ranges::find_if(keys, [&](const Key<T>& known) { return key.str() == known.name; });
        if (found == keys.end()) {
            reading.fail_unknown(place, scope, key.str());
            continue;
        }
        const Item item{node, prefix + found->name, reading};
        reading.remember(item.path, place);
        found->read(item, out);
    }
}

}  // namespace gantry::config
