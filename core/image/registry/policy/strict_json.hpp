// JSON where a mistake must not pass: of a file of the administrator's (a policy), or of a signed text (its claims). Every
// member is read by name or refused, a name that is there twice is refused, and every error says where. For the .cpp files of
// this folder only, as image/json.hpp.
#pragma once

#include "image/json.hpp"

#include <set>

namespace gantry::image::registry {

// As detail::parse_object, and no name twice in any object. what names the text: "policy '/etc/gantry/policy.json'"; a mistake
// of syntax is told with its line and column.
Result<Json> parse_strict(std::string_view text, std::string_view what);

// An object of which all members must be known. where: what errors begin with ("policy 'FILE': default[0]").
//     StrictObject object = TRY(StrictObject::of(json, where));
//     std::string type = TRY(object.text("type"));
//     TRY(object.finish());
class StrictObject {
public:
    static Result<StrictObject> of(const Json& json, std::string where);

    [[nodiscard]] const std::string& where() const { return where_; }
    [[nodiscard]] std::string place(std::string_view member) const { return where_ + "." + std::string(member); }
    [[nodiscard]] bool has(const char* member) const { return json_->contains(member); }
    // A member that must be there and be a string that is not empty.
    Result<std::string> text(const char* member);
    // Nothing where it is missing; null is not missing.
    Result<std::optional<std::string>> optional_text(const char* member);
    // A list of one or more strings that are not empty; nothing where it is missing.
    Result<std::optional<std::vector<std::string>>> optional_texts(const char* member);
    // The member itself, nullptr where it is missing.
    const Json* member(const char* member);
    // Errc::invalid for a member that nobody asked for.
    Result<> finish() const;

private:
    StrictObject(const Json& json, std::string where) : json_(&json), where_(std::move(where)) {}
    const Json* json_;
    std::string where_;
    std::set<std::string> asked_;
};

}  // namespace gantry::image::registry
