#include "base/units.hpp"
#include "cli/format/template_tree.hpp"

#include <algorithm>

namespace gantry::cli {

namespace {

using Node = Template::Node;

class Renderer {
public:
    Renderer(const Json& root, const Template::Method& method) : root_(root), method_(method) {}

    // What is declared in a block is gone at its end.
    Result<> block(const std::vector<Node>& nodes, const Json& dot, std::string& out) {
        const std::size_t known = variables_.size();
        for (const auto& node : nodes) TRY(one(node, dot, out));
        variables_.resize(known);
        return {};
    }

private:
    Result<> one(const Node& node, const Json& dot, std::string& out) {
        if (node.kind == Node::Kind::text) {
            out += node.text;
            return {};
        }
        const Json value = TRY(evaluate(node.pipeline, dot));
        if (node.kind == Node::Kind::output) {
            if (node.variables.empty()) out += go_text(value);
            return node.variables.empty() ? Result<>() : declare(node, value);
        }
        const std::size_t known = variables_.size();
        if (node.kind == Node::Kind::range) {
            TRY(range(node, value, dot, out));
        } else {
            if (!node.variables.empty()) TRY(declare(node, value));
            const bool truth = go_truth(value);
            TRY(block(truth ? node.body : node.otherwise, truth && node.kind == Node::Kind::with ? value : dot, out));
        }
        variables_.resize(known);
        return {};
    }

    Result<> range(const Node& node, const Json& value, const Json& dot, std::string& out) {
        if (!go_truth(value)) return block(node.otherwise, dot, out);
        if (!value.is_structured()) return error(Errc::invalid, "template: range can't iterate over {}", go_text(value));
        std::vector<std::pair<Json, const Json*>> items;
        if (value.is_object()) {
            for (const auto& item : value.items()) items.emplace_back(item.key(), &item.value());
            std::ranges::sort(items, {},
                              [](const auto& item) { return item.first.template get<std::string>(); });  // as Go does
        } else {
            for (const auto& item : value) items.emplace_back(items.size(), &item);
        }
        for (const auto& [key, item] : items) {
            const std::size_t known = variables_.size();
            if (node.variables.size() == 2) variables_.emplace_back(node.variables[0], key);
            if (!node.variables.empty()) variables_.emplace_back(node.variables.back(), *item);
            TRY(block(node.body, *item, out));
            variables_.resize(known);
        }
        return {};
    }

    Result<> declare(const Node& node, const Json& value) {
        if (!node.assigns) {
            variables_.emplace_back(node.variables[0], value);
            return {};
        }
        for (auto known = variables_.rbegin(); known != variables_.rend(); ++known) {
            if (known->first != node.variables[0]) continue;
            known->second = value;
            return {};
        }
        return error(Errc::invalid, "template: undefined variable '${}'", node.variables[0]);
    }

    Result<Json> variable(const std::string& name) const {
        for (auto known = variables_.rbegin(); known != variables_.rend(); ++known)
            if (known->first == name) return known->second;
        return error(Errc::invalid, "template: undefined variable '${}'", name);
    }

    Result<Json> evaluate(const Pipeline& pipeline, const Json& dot) const {
        Json value;
        for (std::size_t at = 0; at < pipeline.size(); ++at) {
            // The value of one stage is the last argument of the next.
            if (at > 0 && pipeline[at].kind != Term::Kind::call)
                return error(Errc::invalid, "template: a value cannot be piped into something that is no function");
            value = TRY(term(pipeline[at], dot, at > 0 ? &value : nullptr));
        }
        return value;
    }

    Result<Json> term(const Term& term, const Json& dot, const Json* piped) const {
        switch (term.kind) {
        case Term::Kind::literal: return term.literal;
        case Term::Kind::root: return field(root_, term.path);
        case Term::Kind::field:
            if (term.arguments.empty()) return field(dot, term.path);
            if (!method_ || term.path.size() != 1)
                return error(Errc::invalid, "template: field '{}' takes no arguments", term.path.back());
            return method_(term.path[0], TRY(arguments_of(term, dot))).context("template");
        case Term::Kind::variable: return field(TRY(variable(term.name)), term.path);
        case Term::Kind::group: return field(TRY(evaluate(term.pipeline, dot)), term.path);
        case Term::Kind::call: break;
        }
        std::vector<Json> arguments = TRY(arguments_of(term, dot));
        if (piped) arguments.push_back(*piped);
        return call_template_function(term.name, arguments).context("template");
    }

    Result<std::vector<Json>> arguments_of(const Term& term, const Json& dot) const {
        std::vector<Json> arguments;
        for (const auto& argument : term.arguments) arguments.push_back(TRY(this->term(argument, dot, nullptr)));
        return arguments;
    }

    static Result<Json> field(const Json& from, const std::vector<std::string>& path) {
        const Json* value = &from;
        for (const auto& name : path) {
            if (!value->is_object())
                return error(Errc::invalid, "template: can't evaluate field {} in {}", name, go_text(*value));
            const auto found = value->find(name);
            if (found == value->end()) {
                std::vector<std::string> known;
                for (const auto& [key, item] : value->items()) known.push_back(key);
                return error(Errc::invalid, "template: no field '{}'{}", name, did_you_mean(name, known));
            }
            value = &*found;
        }
        return *value;
    }

    const Json& root_;
    const Template::Method& method_;
    std::vector<std::pair<std::string, Json>> variables_;
};

}  // namespace

Template::Template(std::unique_ptr<Node> root) : root_(std::move(root)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view text) { return Template(std::make_unique<Node>(TRY(parse_template(text)))); }

Result<std::string> Template::render(const OrderedJson& value, const Method& method) const {
    std::string out;
    TRY(Renderer(value, method).block(root_->body, value, out));
    return out;
}

}  // namespace gantry::cli
