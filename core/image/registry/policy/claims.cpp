#include "image/registry/policy/claims.hpp"

#include "image/registry/policy/strict_json.hpp"

namespace gantry::image::registry {

namespace {

constexpr const char* what = "signed text";

// An object with one member, a string.
Result<std::string> only_text(StrictObject& outer, const char* name, const char* member) {
    const Json* json = outer.member(name);
    if (!json) return error(Errc::invalid, "{}: member '{}' is missing", outer.where(), name);
    StrictObject object = TRY(StrictObject::of(*json, outer.place(name)));
    std::string text = TRY(object.text(member));
    TRY(object.finish());
    return text;
}

}  // namespace

Result<Claims> parse_claims(std::string_view text, std::string_view type) {
    const Json root = TRY(parse_strict(text, what));
    StrictObject whole = TRY(StrictObject::of(root, what));
    const Json* inner = whole.member("critical");
    if (!inner) return error(Errc::invalid, "{}: member 'critical' is missing", what);
    if (const Json* optional = whole.member("optional"); optional && !optional->is_object() && !optional->is_null())
        return error(Errc::invalid, "{}: not an object", whole.place("optional"));
    TRY(whole.finish());
    StrictObject critical = TRY(StrictObject::of(*inner, whole.place("critical")));
    const std::string said = TRY(critical.text("type"));
    if (said != type) return error(Errc::invalid, "{}: type '{}' instead of '{}'", what, said, type);
    const std::string digest = TRY(only_text(critical, "image", "docker-manifest-digest"));
    std::string reference = TRY(only_text(critical, "identity", "docker-reference"));
    TRY(critical.finish());
    return Claims{TRY_CONTEXT(Digest::parse(digest), "{}", what), std::move(reference)};
}

}  // namespace gantry::image::registry
