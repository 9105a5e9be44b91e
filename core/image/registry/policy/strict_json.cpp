#include "image/registry/policy/strict_json.hpp"

namespace gantry::image::registry {

namespace {

// "line 3, column 7" of the byte at.
std::string place_of(std::string_view text, std::size_t at) {
    const std::string_view before = text.substr(0, std::min(at, text.size()));
    const auto line = std::ranges::count(before, '\n') + 1;
    const auto start = before.rfind('\n');
    const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1);
    return fmt::format("line {}, column {}", line, std::max<std::size_t>(column, 1));
}

// What nlohmann's parser does not look for.
class Checker final : public nlohmann::json_sax<Json> {
public:
    explicit Checker(std::string_view text) : text_(text) {}
    [[nodiscard]] const std::string& problem() const { return problem_; }

    bool null() override { return true; }
    bool boolean(bool /*value*/) override { return true; }
    bool number_integer(number_integer_t /*value*/) override { return true; }
    bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
    bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
    bool string(string_t& /*value*/) override { return true; }
    bool binary(binary_t& /*value*/) override { return true; }
    bool start_array(std::size_t /*size*/) override { return true; }
    bool end_array() override { return true; }
    bool start_object(std::size_t /*size*/) override {
        names_.emplace_back();
        return true;
    }
    bool end_object() override {
        names_.pop_back();
        return true;
    }
    bool key(string_t& name) override {
        if (names_.back().insert(name).second) return true;
        problem_ = fmt::format("member '{}' is there twice", name);
        return false;
    }
    bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*failure*/) override {
        problem_ = fmt::format("{}: not valid JSON", place_of(text_, position));
        return false;
    }

private:
    std::string_view text_;
    std::vector<std::set<std::string>> names_;
    std::string problem_;
};

}  // namespace

Result<Json> parse_strict(std::string_view text, std::string_view what) {
    Checker checker(text);
    if (text.size() <= detail::json_limit && !Json::sax_parse(text, &checker) && !checker.problem().empty())
        return error(Errc::invalid, "{}: {}", what, checker.problem());
    return detail::parse_object(text, what);
}

Result<StrictObject> StrictObject::of(const Json& json, std::string where) {
    if (!json.is_object()) return error(Errc::invalid, "{}: not an object", where);
    return StrictObject(json, std::move(where));
}

const Json* StrictObject::member(const char* member) {
    asked_.insert(member);
    const auto found = json_->find(member);
    return found == json_->end() ? nullptr : &*found;
}

Result<std::optional<std::string>> StrictObject::optional_text(const char* name) {
    const Json* value = member(name);
    if (!value) return std::optional<std::string>();
    if (!value->is_string() || value->get_ref<const std::string&>().empty())
        return error(Errc::invalid, "{}: not a string with anything in it", place(name));
    return std::optional(value->get<std::string>());
}

Result<std::string> StrictObject::text(const char* name) {
    auto value = TRY(optional_text(name));
    if (!value) return error(Errc::invalid, "{}: member '{}' is missing", where_, name);
    return std::move(*value);
}

Result<std::optional<std::vector<std::string>>> StrictObject::optional_texts(const char* name) {
    const Json* value = member(name);
    if (!value) return std::optional<std::vector<std::string>>();
    const auto good = [](const Json& item) { return item.is_string() && !item.get_ref<const std::string&>().empty(); };
    if (!value->is_array() || value->empty() || !std::ranges::all_of(*value, good))
        return error(Errc::invalid, "{}: not a list of one or more strings", place(name));
    return std::optional(value->get<std::vector<std::string>>());
}

Result<> StrictObject::finish() const {
    for (auto item = json_->begin(); item != json_->end(); ++item)
        if (!asked_.contains(item.key())) return error(Errc::invalid, "{}: member '{}' is not known", where_, item.key());
    return {};
}

}  // namespace gantry::image::registry
