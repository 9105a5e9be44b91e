#include "config/reading.hpp"

#include <cmath>
#include <limits>

namespace gantry::config {

namespace {

constexpr std::size_t most_failures = 20;  // shown of one file
constexpr std::size_t deepest = 16;        // nested values, and parts of a dotted key; no definition needs more than four

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date";
    default: return "nothing";
    }
}

std::string leaf_of(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
    std::string clean;
    for (char c : text.substr(0, limit)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            clean += fmt::format("\\x{:02x}", byte);
        else
            clean += c;
    }
    if (text.size() > limit) clean += "...";
    return clean;
}

Place place_of(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

// Memory stays bounded for a file that is nothing but mistakes.
constexpr std::size_t most_kept = 4096;

void Reading::fail(Place place, std::string message) {
    if (failures_.size() < most_kept) failures_.push_back({place, std::move(message), {}, {}});
}

void Reading::fail_unknown(Place place, const std::string& scope, std::string_view key) {
    if (failures_.size() < most_kept) failures_.push_back({place, {}, scope, std::string(key.substr(0, 256))});
}

void Reading::fail_at(const std::string& path, std::string_view message) {
    const auto found = places_.find(path);
    fail(found == places_.end() ? Place{} : found->second, fmt::format("key '{}': {}", path, message));
}

std::vector<std::string> Reading::lines() const {
    std::vector<Failure> sorted = failures_;
    std::ranges::stable_sort(sorted, [](const Failure& a, const Failure& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < std::min(sorted.size(), most_failures); ++i) {
        const Failure& failure = sorted[i];
        lines.push_back(
            fmt::format("{}:{}:{}: {}", file_, failure.place.line, failure.place.column,
                        failure.message.empty() ? unknown_key(failure.scope, failure.unknown, known) : failure.message));
    }
    if (sorted.size() > most_failures) lines.push_back(fmt::format("{}: {} more errors", file_, sorted.size() - most_failures));
    return lines;
}

Result<> Reading::result() const {
    if (failures_.empty()) return {};
    const std::string first = lines().front();
    if (failures_.size() == 1) return Error(Errc::invalid, first);
    return error(Errc::invalid, "{} (and {} more error{})", first, failures_.size() - 1, failures_.size() > 2 ? "s" : "");
}

void Item::fail(std::string_view message) const {
    reading.fail(place_of(node.source()), fmt::format("key '{}': {}", path, message));
}

void Item::expected(std::string_view what) const {
    reading.fail(place_of(node.source()), fmt::format("key '{}' must be {}, not {}", path, what, type_name(node)));
}

// A string-aware scan, no parser: what it cannot make sense of, toml++ will refuse.
Result<> check_nesting(std::string_view text, const std::string& file) {
    std::size_t depth = 0, dots = 0, line = 1, line_start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"' || c == '\'') {
            const std::string_view triple = c == '"' ? "\"\"\"" : "'''";
            const bool multi = text.substr(i, 3) == triple;
            i += multi ? 3 : 1;
            while (i < text.size()) {
                if (c == '"' && text[i] == '\\') {
                    i += 2;
                    continue;
                }
                if (text[i] == '\n') {
                    ++line;
                    line_start = i + 1;
                    if (!multi) break;
                }
                if (multi ? text.substr(i, 3) == triple : text[i] == c) break;
                ++i;
            }
            if (multi) i += 2;
            continue;
        }
        switch (c) {
        case '#': i = std::min(text.find('\n', i), text.size()); [[fallthrough]];
        case '\n':
            ++line;
            line_start = i + 1;
            dots = 0;
            break;
        case '[':
        case '{':
            ++depth;
            dots = 0;
            break;
        case ']':
        case '}':
            if (depth) --depth;
            dots = 0;
            break;
        case '=':
        case ',': dots = 0; break;
        case '.': ++dots; break;
        default: break;
        }
        if (depth > deepest || dots > deepest)
            return error(Errc::invalid, "{}:{}:{}: nested deeper than {} levels", file, line, i - std::min(i, line_start) + 1,
                         deepest);
    }
    return {};
}

Result<toml::table> parse_toml(std::string_view text, const std::string& file) {
    TRY(check_nesting(text, file));
    try {
        return toml::parse(text, std::string_view(file));
    } catch (const toml::parse_error& failure) {
        const Place place = place_of(failure.source());
        return error(Errc::invalid, "{}:{}:{}: {}", file, place.line, place.column, printable(failure.description(), 300));
    } catch (const std::exception& failure) {
        return error(Errc::invalid, "{}: {}", file, printable(failure.what(), 300));
    }
}

bool get(const Item& item, std::string& out) {
    const auto* value = item.node.as_string();
    if (!value) {
        item.expected("a string");
        return false;
    }
    // Everything here ends up in a C string of the kernel's or in a line of a unit file.
    if (value->get().find('\0') != std::string::npos) {
        item.fail("a string must not contain a NUL byte");
        return false;
    }
    out = value->get();
    return true;
}

void get(const Item& item, bool& out) {
    if (const auto* value = item.node.as_boolean())
        out = value->get();
    else
        item.expected("true or false");
}

bool get_integer(const Item& item, std::int64_t low, std::int64_t high, std::int64_t& out) {
    const auto* value = item.node.as_integer();
    if (!value) {
        item.expected("an integer");
        return false;
    }
    if (value->get() < low || value->get() > high) {
        item.fail(high == std::numeric_limits<std::int64_t>::max()
                      ? fmt::format("{} is out of range, it must be at least {}", value->get(), low)
                      : fmt::format("{} is out of range, it must be between {} and {}", value->get(), low, high));
        return false;
    }
    out = value->get();
    return true;
}

bool get_scalar(const Item& item, std::string& out) {
    if (const auto* integer = item.node.as_integer())
        out = std::to_string(integer->get());
    else if (const auto* boolean = item.node.as_boolean())
        out = boolean->get() ? "true" : "false";
    else if (item.node.is_string())
        return get(item, out);
    else {
        item.expected("a string, an integer or a boolean");
        return false;
    }
    return true;
}

void get(const Item& item, std::vector<std::string>& out) {
    std::vector<std::string> list;
    each(item, [&](const Item& element) {
        std::string text;
        if (get(element, text)) list.push_back(std::move(text));
    });
    out = std::move(list);
}

void get(const Item& item, std::map<std::string, std::string>& out) {
    std::map<std::string, std::string> table;
    each_key(item, [&](const std::string& key, const Item& value) { get_scalar(value, table[key]); });
    out = std::move(table);
}

void get_bytes(const Item& item, std::uint64_t& out) {
    std::int64_t number = 0;
    std::string text;
    if (item.node.is_integer()) {
        if (get_integer(item, 0, std::numeric_limits<std::int64_t>::max(), number)) out = static_cast<std::uint64_t>(number);
    } else if (!item.node.is_string()) {
        item.expected("a number of bytes or a string like \"512m\"");
    } else if (get(item, text)) {
        item.take(parse_bytes(text), out);
    }
}

void get_duration(const Item& item, std::optional<std::chrono::microseconds>& out, bool infinite) {
    std::string text;
    if (item.node.is_integer()) {
        if (infinite && item.node.as_integer()->get() == -1) {
            out = std::chrono::microseconds::max();
            return;
        }
        std::int64_t seconds = 0;
        if (get_integer(item, 0, 1'000'000'000, seconds)) out = std::chrono::seconds(seconds);
        return;
    }
    if (const auto* number = item.node.as_floating_point()) {
        if (number->get() >= 0 && number->get() <= 1e9)
            out = std::chrono::microseconds(std::llround(number->get() * 1e6));
        else
            item.fail("a duration must be between 0 and 1000000000 seconds");
        return;
    }
    if (!item.node.is_string()) return item.expected("a number of seconds or a string like \"1m30s\"");
    if (!get(item, text)) return;
    if (infinite && text == "infinity")
        out = std::chrono::microseconds::max();
    else
        item.take(parse_duration(text), out);
}

void each(const Item& item, const std::function<void(const Item&)>& use) {
    const auto* array = item.node.as_array();
    if (!array) return use(item);
    std::size_t index = 0;
    for (const toml::node& element : *array) use(Item{element, fmt::format("{}[{}]", item.path, index++), item.reading});
}

void each_key(const Item& item, const std::function<void(const std::string& key, const Item&)>& use) {
    const auto* table = item.node.as_table();
    if (!table) return item.expected("a table");
    for (auto&& [key, value] : *table) {
        const std::string name(key.str());
        const Item inner{value, fmt::format("{}.{}", item.path, printable(name)), item.reading};
        if (name.empty() || name.find('\0') != std::string::npos)
            inner.fail("a key must not be empty or contain a NUL byte");
        else
            use(name, inner);
    }
}

std::string unknown_key(const std::string& scope, std::string_view key, const std::vector<std::string>& known) {
    // Names that other tools use for what is called differently here.
    static const std::map<std::string, std::string, std::less<>> foreign{{"environment", "env"},
                                                                         {"env_file", "env_files"},
                                                                         {"cmd", "command"},
                                                                         {"depends_on", "requires"},
                                                                         {"healthcheck", "health"},
                                                                         {"mem_limit", "limits.memory"},
                                                                         {"volume", "volumes"},
                                                                         {"mount", "mounts"},
                                                                         {"publish", "ports"},
                                                                         {"cap-add", "security.cap_add"},
                                                                         {"cap-drop", "security.cap_drop"},
                                                                         {"working_dir", "workdir"},
                                                                         {"stop_grace_period", "stop_timeout"},
                                                                         {"pids_limit", "limits.pids"},
                                                                         {"userns_mode", "namespaces.user"},
                                                                         {"stdin_open", "stdin"},
                                                                         {"network_mode", "network"},
                                                                         {"group_add", "groups"},
                                                                         {"security_opt", "security"},
                                                                         {"logging", "log"},
                                                                         {"secrets", "credentials"}};
    std::vector<std::string> near;  // names of this table
    const std::string prefix = scope.empty() ? "" : scope + ".";
    std::string suggestion;
    for (const std::string& path : known) {
        if (path.starts_with(prefix) && path.find('.', prefix.size()) == std::string::npos)
            near.push_back(path.substr(prefix.size()));
        // The right name in the wrong table is nearer than any other name.
        if (suggestion.empty() && leaf_of(path) == key) suggestion = path;
    }
    if (suggestion.empty())
        if (const auto other = foreign.find(key); other != foreign.end() && scope.empty()) suggestion = other->second;
    if (suggestion.empty()) suggestion = nearest(key, near);
    if (suggestion.empty() && key.size() > 3) {
        std::map<std::string, std::string> leaves;  // of all tables, the first by name where two have the same
        std::vector<std::string> names;
        for (const std::string& path : known)
            if (leaves.emplace(leaf_of(path), path).second) names.push_back(leaf_of(path));
        if (const std::string leaf = nearest(key, names); !leaf.empty()) suggestion = leaves[leaf];
    }
    const std::string where = scope.empty() ? "" : fmt::format(" in '{}'", scope);
    if (suggestion.empty()) return fmt::format("key '{}' is not known{}", printable(key), where);
    return fmt::format("key '{}' is not known{}, did you mean '{}'", printable(key), where, suggestion);
}

}  // namespace gantry::config
