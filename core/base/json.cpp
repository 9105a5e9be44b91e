#include "base/json.hpp"

namespace gantry {

Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

OrderedJson parse_ordered_json(std::string_view text) { return OrderedJson::parse(text, nullptr, false); }

std::string dump_json(const Json& value, int indent, char indent_with) {
    return value.dump(indent, indent_with, false, Json::error_handler_t::replace);
}

std::string dump_json(const OrderedJson& value, int indent, char indent_with) {
    return value.dump(indent, indent_with, false, OrderedJson::error_handler_t::replace);
}

}  // namespace gantry
