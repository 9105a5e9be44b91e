// How a parsed template is kept; for template.cpp and template_parser.cpp.
#pragma once

#include "cli/format/template.hpp"
#include "cli/format/template_functions.hpp"

namespace gantry::cli {

// One operand or call of a pipeline.
struct Term {
    enum class Kind { field, root, variable, literal, call, group } kind = Kind::literal;
    std::vector<std::string> path;  // all but literal and call: .A.B behind it
    Json literal;
    std::string name;             // call: function; variable: without its $
    std::vector<Term> arguments;  // call, and field: then it is a method
    std::vector<Term> pipeline;   // group: ( ... )
};
using Pipeline = std::vector<Term>;

struct Template::Node {
    enum class Kind { block, text, output, if_, range, with } kind = Kind::block;
    std::string text;
    std::vector<std::string> variables;  // $i, $e := ...
    bool assigns = false;                // $x = ...: one that exists
    Pipeline pipeline;
    std::vector<Node> body, otherwise;
};

Result<Template::Node> parse_template(std::string_view text);

}  // namespace gantry::cli
