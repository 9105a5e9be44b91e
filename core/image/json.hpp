// Reading hostile JSON: bounded, without exceptions, with errors that name the member. For the .cpp files of this folder only:
// it pulls in nlohmann-json, which no header of the room does.
#pragma once

#include "base/json.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::detail {

inline constexpr std::size_t json_limit = 4U << 20;  // bytes; the largest manifest that registries take (distribution-spec)
inline constexpr int json_depth = 64;                // levels of nesting

// A JSON object of at most json_limit bytes. what names it in errors ("manifest", "index.json").
Result<Json> parse_object(std::string_view text, std::string_view what);

// Members of an object. A missing member or null is the empty value; another type is Errc::invalid.
Result<std::string> string_member(const Json& object, const char* key, std::string_view what);
Result<bool> bool_member(const Json& object, const char* key, std::string_view what);
Result<std::int64_t> integer_member(const Json& object, const char* key, std::string_view what);
Result<std::uint64_t> size_member(const Json& object, const char* key, std::string_view what);  // not negative
Result<std::vector<std::string>> strings_member(const Json& object, const char* key, std::string_view what);
Result<std::map<std::string, std::string>> map_member(const Json& object, const char* key, std::string_view what);
// The keys of an object member: how Docker writes sets ("Volumes": {"/data": {}}).
Result<std::vector<std::string>> keys_member(const Json& object, const char* key, std::string_view what);
// The member itself where it is an object or an array; nullptr where it is missing or null.
Result<const Json*> object_member(const Json& object, const char* key, std::string_view what);
Result<const Json*> array_member(const Json& object, const char* key, std::string_view what);
// A member that must be there.
Result<Digest> digest_member(const Json& object, const char* key, std::string_view what);

}  // namespace gantry::image::detail
