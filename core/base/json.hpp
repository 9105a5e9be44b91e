// JSON to and from text. The library's parser and writer are templates that cost every file that names them seconds of
// compilation; here they are compiled once. What comes from outside is read with image/json.hpp, which bounds it.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace gantry {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // members stay in the order in which they are put

// The value is discarded (is_discarded()) where text is not JSON (RFC 8259); nothing throws.
Json parse_json(std::string_view text);
OrderedJson parse_ordered_json(std::string_view text);

// On one line where indent is negative, else with so many indents a level. Never throws: bytes that are not UTF-8 become
// U+FFFD.
std::string dump_json(const Json& value, int indent = -1, char indent_with = ' ');
std::string dump_json(const OrderedJson& value, int indent = -1, char indent_with = ' ');

}  // namespace gantry
