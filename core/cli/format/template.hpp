// The part of Go's text/template that `--format` of Docker's command line uses, over JSON values.
//
// Actions: {{.A.B}}, {{(index .A 0).B}}, {{$}}, {{"text"}}, pipelines with |, {{if}} {{else}} {{else if}} {{range}} {{with}}
// {{end}}, variables ({{$x := .A}}, {{range $key, $value := .A}}), comments, the trim markers {{- and -}}. Functions: those of
// text/template that make sense here (and, eq, ge, gt, index, le, len, lt, ne, not, or, print, printf, println) and Docker's
// (json, join, lower, pad, split, title, truncate, upper).
#pragma once

#include "base/result.hpp"

#include "base/json.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::cli {

class Template {
public:
    // Errors tell the position: "template: 1:9: unknown function 'jsn', did you mean 'json'".
    static Result<Template> parse(std::string_view text);
    Template(Template&&) noexcept;
    Template& operator=(Template&&) noexcept;
    ~Template();

    // What {{.NAME ARGUMENT...}} of the value itself means: Docker's {{.Label "app"}}.
    using Method = std::function<Result<OrderedJson>(const std::string& name, const std::vector<OrderedJson>& arguments)>;

    // A field that the value does not have is an error.
    Result<std::string> render(const OrderedJson& value, const Method& method = {}) const;

    struct Node;

private:
    explicit Template(std::unique_ptr<Node> root);
    std::unique_ptr<Node> root_;
};

}  // namespace gantry::cli
