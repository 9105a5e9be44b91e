#include "cli/format/template_functions.hpp"

#include <cctype>
#include <cmath>

namespace gantry::cli {

namespace {

using Arguments = std::vector<Json>;

struct Function {
    const char* name;
    std::size_t least, most;  // arguments
    Result<Json> (*call)(const Arguments&);
};

constexpr std::size_t any = 64;

std::string mapped(const std::string& text, int (*map)(int)) {
    std::string out;
    for (char c : text) out += static_cast<char>(map(static_cast<unsigned char>(c)));
    return out;
}

Result<int> compare(const Json& a, const Json& b) {
    if (a.is_number() && b.is_number()) {
        const double left = a.get<double>(), right = b.get<double>();
        return left < right ? -1 : left > right;
    }
    if (a.type() != b.type()) return error(Errc::invalid, "incompatible types for comparison");
    return a < b ? -1 : b < a;
}

template <class Test>
Result<Json> compared(const Arguments& a, Test test) {
    return Json(test(TRY(compare(a[0], a[1]))));
}

Result<Json> equal(const Arguments& a) {
    for (std::size_t at = 1; at < a.size(); ++at)
        if (a[0] == a[at]) return Json(true);
    return Json(false);
}

Result<Json> index(const Arguments& a) {
    Json value = a[0];
    for (std::size_t at = 1; at < a.size(); ++at) {
        if (value.is_object() && a[at].is_string()) {
            const auto found = value.find(a[at].get<std::string>());
            // A map of texts has the empty one for a key that is not there, as in Go; of anything else, nothing.
            const bool texts = value.empty() || value.begin()->is_string();
            value = found != value.end() ? Json(*found) : texts ? Json("") : Json();
        } else if (value.is_array() && a[at].is_number_integer()) {
            const auto number = a[at].get<std::int64_t>();
            if (number < 0 || static_cast<std::size_t>(number) >= value.size())
                return error(Errc::invalid, "index out of range: {}", number);
            value = Json(value[static_cast<std::size_t>(number)]);
        } else {
            return error(Errc::invalid, "can't index item of type {}", value.type_name());
        }
    }
    return value;
}

Result<Json> join(const Arguments& a) {
    // {{join .List ","}} and {{.List | join ","}} both occur; the list is whichever argument is one.
    const Json& list = a[0].is_array() ? a[0] : a[1];
    const std::string glue = go_text(a[0].is_array() ? a[1] : a[0]);
    std::string out;
    for (const auto& item : list) out += (out.empty() ? "" : glue) + go_text(item);
    return Json(out);
}

Result<Json> split(const Arguments& a) {
    const std::string text = go_text(a[0]), glue = go_text(a[1]);
    Json parts = Json::array();
    for (std::size_t at = 0;;) {
        const std::size_t end = glue.empty() ? std::string::npos : text.find(glue, at);
        parts.push_back(text.substr(at, end - at));
        if (end == std::string::npos) return parts;
        at = end + glue.size();
    }
}

Result<Json> pad(const Arguments& a) {
    const std::string text = go_text(a[0]);
    if (!a[1].is_number_integer() || !a[2].is_number_integer()) return error(Errc::invalid, "pad wants two numbers");
    const auto before = std::clamp<std::int64_t>(a[1].get<std::int64_t>(), 0, 1000);
    const auto after = std::clamp<std::int64_t>(a[2].get<std::int64_t>(), 0, 1000);
    return text.empty() ? Json(text) : Json(std::string(before, ' ') + text + std::string(after, ' '));
}

Result<Json> truncate(const Arguments& a) {
    if (!a[1].is_number_integer() || a[1].get<std::int64_t>() < 0) return error(Errc::invalid, "truncate wants a length");
    return Json(go_text(a[0]).substr(0, a[1].get<std::size_t>()));
}

Result<Json> title(const Arguments& a) {
    std::string text = go_text(a[0]);
    bool start = true;
    for (char& c : text) {
        if (start) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        start = c == ' ';
    }
    return Json(text);
}

Result<Json> length(const Arguments& a) {
    if (a[0].is_string()) return Json(a[0].get_ref<const std::string&>().size());
    return Json(a[0].size());
}

std::string spaced(const Arguments& a) {
    std::string out;
    for (const auto& item : a) out += (out.empty() ? "" : " ") + go_text(item);
    return out;
}

// The verbs that show up in --format: %s %v %d %q %t %x %f with a width; others are an error.
Result<Json> print_formatted(const Arguments& a) {
    const std::string format = go_text(a[0]);
    std::string out;
    std::size_t next = 1;
    for (std::size_t at = 0; at < format.size(); ++at) {
        if (format[at] != '%') {
            out += format[at];
            continue;
        }
        std::string flags;
        while (++at < format.size() && std::strchr("-+0123456789.", format[at])) flags += format[at];
        if (at == format.size()) return error(Errc::invalid, "printf: '%' at the end");
        const char verb = format[at];
        if (verb == '%') {
            out += '%';
            continue;
        }
        if (next >= a.size()) return error(Errc::invalid, "printf: too few arguments");
        const Json& value = a[next++];
        std::string text;
        if (verb == 'f' && value.is_number()) {
            const auto dot = flags.find('.');
            text =
                fmt::format("{:.{}f}", value.get<double>(), dot == std::string::npos ? 6 : std::atoi(flags.c_str() + dot + 1));
        } else if (verb == 'x' && value.is_number_integer()) {
            text = fmt::format("{:x}", value.get<std::int64_t>());
        } else if (verb == 'q') {
            text = dump_json(Json(go_text(value)));
        } else if (std::strchr("svdt", verb)) {
            text = go_text(value);
        } else {
            return error(Errc::invalid, "printf: '%{}' is not supported", verb);
        }
        const bool left = flags.starts_with('-');
        const std::size_t width = std::min(std::abs(std::atoi(flags.c_str())), 1000);
        if (text.size() < width)
            text = left ? text + std::string(width - text.size(), ' ') : std::string(width - text.size(), ' ') + text;
        out += text;
    }
    return Json(out);
}

const Function functions[] = {
    {"and", 1, any,
     [](const Arguments& a) -> Result<Json> {
         for (const auto& item : a)
             if (!go_truth(item)) return item;
         return a.back();
     }},
    {"eq", 2, any, equal},
    {"ge", 2, 2, [](const Arguments& a) { return compared(a, [](int c) { return c >= 0; }); }},
    {"gt", 2, 2, [](const Arguments& a) { return compared(a, [](int c) { return c > 0; }); }},
    {"index", 1, any, index},
    {"join", 2, 2, join},
    {"json", 1, 1, [](const Arguments& a) -> Result<Json> { return Json(dump_json(a[0])); }},
    {"le", 2, 2, [](const Arguments& a) { return compared(a, [](int c) { return c <= 0; }); }},
    {"len", 1, 1, length},
    {"lower", 1, 1, [](const Arguments& a) -> Result<Json> { return Json(mapped(go_text(a[0]), std::tolower)); }},
    {"lt", 2, 2, [](const Arguments& a) { return compared(a, [](int c) { return c < 0; }); }},
    {"ne", 2, 2, [](const Arguments& a) -> Result<Json> { return Json(a[0] != a[1]); }},
    {"not", 1, 1, [](const Arguments& a) -> Result<Json> { return Json(!go_truth(a[0])); }},
    {"or", 1, any,
     [](const Arguments& a) -> Result<Json> {
         for (const auto& item : a)
             if (go_truth(item)) return item;
         return a.back();
     }},
    {"pad", 3, 3, pad},
    {"print", 0, any, [](const Arguments& a) -> Result<Json> { return Json(spaced(a)); }},
    {"printf", 1, any, print_formatted},
    {"println", 0, any, [](const Arguments& a) -> Result<Json> { return Json(spaced(a) + "\n"); }},
    {"split", 2, 2, split},
    {"title", 1, 1, title},
    {"truncate", 2, 2, truncate},
    {"upper", 1, 1, [](const Arguments& a) -> Result<Json> { return Json(mapped(go_text(a[0]), std::toupper)); }},
};

const Function* find_function(std::string_view name) {
    for (const auto& function : functions)
        if (name == function.name) return &function;
    return nullptr;
}

}  // namespace

std::string go_text(const Json& value) {
    if (value.is_null()) return "<no value>";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_array()) {
        std::string out;
        for (const auto& item : value) out += (out.empty() ? "" : " ") + go_text(item);
        return "[" + out + "]";
    }
    if (value.is_object()) {
        std::map<std::string, std::string> sorted;  // Go prints maps in key order
        for (const auto& [key, item] : value.items()) sorted[key] = go_text(item);
        std::string out;
        for (const auto& [key, item] : sorted) out += (out.empty() ? "" : " ") + key + ":" + item;
        return "map[" + out + "]";
    }
    return dump_json(value);
}

bool go_truth(const Json& value) {
    if (value.is_null()) return false;
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number()) return value.get<double>() != 0;
    if (value.is_string()) return !value.get_ref<const std::string&>().empty();
    return !value.empty();
}

bool is_template_function(std::string_view name) { return find_function(name) != nullptr; }

const std::vector<std::string>& template_function_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& function : functions) all.emplace_back(function.name);
        return all;
    }();
    return names;
}

Result<Json> call_template_function(std::string_view name, const std::vector<Json>& arguments) {
    const Function* function = find_function(name);
    if (!function) return error(Errc::invalid, "unknown function '{}'", name);
    if (arguments.size() < function->least || arguments.size() > function->most)
        return error(Errc::invalid, "wrong number of arguments for '{}': {}", name, arguments.size());
    return function->call(arguments).context(name);
}

}  // namespace gantry::cli
