#include "image/json.hpp"

namespace gantry::image::detail {

namespace {

// nlohmann-json parses without recursion but builds every level; a bound keeps what works on the tree shallow.
bool too_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted) {
            if (c == '\\') ++at;
            if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > json_depth) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

Error wrong(std::string_view what, const char* key, std::string_view expected) {
    return error(Errc::invalid, "{}: member '{}' is not {}", what, key, expected);
}

const Json* member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

Result<Json> parse_object(std::string_view text, std::string_view what) {
    if (text.size() > json_limit) return error(Errc::invalid, "{}: larger than {} bytes", what, json_limit);
    if (too_deep(text)) return error(Errc::invalid, "{}: nested deeper than {} levels", what, json_depth);
    Json value = parse_json(text);
    if (value.is_discarded()) return error(Errc::invalid, "{}: not valid JSON", what);
    if (!value.is_object()) return error(Errc::invalid, "{}: not a JSON object", what);
    return value;
}

Result<std::string> string_member(const Json& object, const char* key, std::string_view what) {
    const Json* value = member(object, key);
    if (!value) return std::string();
    if (!value->is_string()) return wrong(what, key, "a string");
    return value->get_ref<const std::string&>();
}

Result<bool> bool_member(const Json& object, const char* key, std::string_view what) {
    const Json* value = member(object, key);
    if (!value) return false;
    if (!value->is_boolean()) return wrong(what, key, "true or false");
    return value->get<bool>();
}

Result<std::int64_t> integer_member(const Json& object, const char* key, std::string_view what) {
    const Json* value = member(object, key);
    if (!value) return std::int64_t{0};
    const bool fits = value->is_number_integer() &&
                      !(value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX));
    if (!fits) return wrong(what, key, "a whole number of 64 bits");
    return value->get<std::int64_t>();
}

Result<std::uint64_t> size_member(const Json& object, const char* key, std::string_view what) {
    const std::int64_t value = TRY(integer_member(object, key, what));
    if (value < 0) return error(Errc::invalid, "{}: member '{}' is negative", what, key);
    return static_cast<std::uint64_t>(value);
}

Result<std::vector<std::string>> strings_member(const Json& object, const char* key, std::string_view what) {
    std::vector<std::string> texts;
    const Json* value = member(object, key);
    if (!value) return texts;
    if (!value->is_array()) return wrong(what, key, "a list of strings");
    for (const Json& item : *value) {
        if (!item.is_string()) return wrong(what, key, "a list of strings");
        texts.push_back(item.get_ref<const std::string&>());
    }
    return texts;
}

Result<std::map<std::string, std::string>> map_member(const Json& object, const char* key, std::string_view what) {
    std::map<std::string, std::string> texts;
    const Json* value = member(object, key);
    if (!value) return texts;
    if (!value->is_object()) return wrong(what, key, "a map of strings");
    for (auto item = value->begin(); item != value->end(); ++item) {
        if (item->is_null()) continue;
        if (!item->is_string()) return wrong(what, key, "a map of strings");
        texts[item.key()] = item->get_ref<const std::string&>();
    }
    return texts;
}

Result<std::vector<std::string>> keys_member(const Json& object, const char* key, std::string_view what) {
    std::vector<std::string> keys;
    const Json* value = TRY(object_member(object, key, what));
    if (!value) return keys;
    for (auto item = value->begin(); item != value->end(); ++item) keys.push_back(item.key());
    return keys;
}

Result<const Json*> object_member(const Json& object, const char* key, std::string_view what) {
    const Json* value = member(object, key);
    if (value && !value->is_object()) return wrong(what, key, "an object");
    return value;
}

Result<const Json*> array_member(const Json& object, const char* key, std::string_view what) {
    const Json* value = member(object, key);
    if (value && !value->is_array()) return wrong(what, key, "a list");
    return value;
}

Result<Digest> digest_member(const Json& object, const char* key, std::string_view what) {
    const std::string text = TRY(string_member(object, key, what));
    if (text.empty()) return error(Errc::invalid, "{}: member '{}' is missing", what, key);
    return TRY_CONTEXT(Digest::parse(text), "{}: member '{}'", what, key);
}

}  // namespace gantry::image::detail
