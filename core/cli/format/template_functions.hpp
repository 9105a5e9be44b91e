// The functions that templates call; see template.hpp for the list.
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <string>
#include <vector>

namespace gantry::cli {

using Json = OrderedJson;

// How Go prints a value: [a b], map[k:v], <no value> for null.
std::string go_text(const Json& value);
bool go_truth(const Json& value);
bool is_template_function(std::string_view name);
const std::vector<std::string>& template_function_names();
Result<Json> call_template_function(std::string_view name, const std::vector<Json>& arguments);

}  // namespace gantry::cli
