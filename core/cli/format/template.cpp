#include "cli/format/template.hpp"

#include "base/units.hpp"
#include "cli/format/template_functions.hpp"

#include <cctype>
#include <cstdlib>

namespace gantry::cli {

namespace {

// One operand or call of a pipeline.
struct Term {
    enum class Kind { field, root, literal, call, group } kind = Kind::literal;
    std::vector<std::string> path;  // field, root: .A.B
    Json literal;
    std::string function;         // call
    std::vector<Term> arguments;  // call
    std::vector<Term> pipeline;   // group: ( ... )
};
using Pipeline = std::vector<Term>;

}  // namespace

struct Template::Node {
    enum class Kind { block, text, output, if_, range, with } kind = Kind::block;
    std::string text;
    Pipeline pipeline;
    std::vector<Node> body, otherwise;
};

namespace {

using Node = Template::Node;

constexpr int deepest = 100;  // nesting of blocks and parentheses; a hostile format must not use up the stack

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Node> parse() {
        Node root;
        std::string end = TRY(block(root.body, 0));
        if (!end.empty()) return fail(fmt::format("unexpected {{{{{}}}}}", end));
        return root;
    }

private:
    Error fail(std::string_view what) const {
        return error(Errc::invalid, "template: {}: {}", std::min(at_, text_.size()) + 1, what);
    }

    // Reads nodes until {{end}}, {{else ...}} (returned) or the end of the text ("").
    Result<std::string> block(std::vector<Node>& into, int depth) {
        if (depth > deepest) return fail("nested too deeply");
        while (at_ < text_.size()) {
            const std::size_t open = std::min(text_.find("{{", at_), text_.size());
            std::string literal(text_.substr(at_, open - at_));
            if (trim_next_) trim_left(literal);
            trim_next_ = false;
            at_ = open;
            const bool trims = text_.substr(open).starts_with("{{- ");
            if (trims) trim_right(literal);
            if (!literal.empty()) into.push_back(Node{Node::Kind::text, std::move(literal), {}, {}, {}});
            if (open == text_.size()) return std::string();
            at_ += trims ? 3 : 2;
            const std::string word = TRY(action(into, depth));
            if (!word.empty()) return word;
        }
        return std::string();
    }

    Result<std::string> action(std::vector<Node>& into, int depth) {
        skip_space();
        if (text_.substr(at_).starts_with("/*")) {
            const std::size_t end = text_.find("*/", at_);
            if (end == std::string::npos) return fail("unclosed comment");
            at_ = end + 2;
            TRY(close());
            return std::string();
        }
        const std::size_t start = at_;
        const std::string word = identifier();
        if (word == "end") {
            TRY(close());
            return word;
        }
        if (word == "else") {
            skip_space();
            const std::size_t here = at_;
            if (identifier() == "if") return std::string("else if");
            at_ = here;
            TRY(close());
            return word;
        }
        if (word == "if" || word == "range" || word == "with") {
            Node node;
            node.kind = word == "if" ? Node::Kind::if_ : word == "range" ? Node::Kind::range : Node::Kind::with;
            TRY(control(node, depth));
            into.push_back(std::move(node));
            return std::string();
        }
        at_ = start;
        Node node;
        node.kind = Node::Kind::output;
        node.pipeline = TRY(pipeline(0));
        TRY(close());
        into.push_back(std::move(node));
        return std::string();
    }

    Result<> control(Node& node, int depth) {
        node.pipeline = TRY(pipeline(0));
        TRY(close());
        std::string end = TRY(block(node.body, depth + 1));
        if (end == "else if") {
            Node chained;
            chained.kind = Node::Kind::if_;
            if (depth > deepest) return fail("nested too deeply");
            TRY(control(chained, depth + 1));  // its {{end}} closes the whole chain
            node.otherwise.push_back(std::move(chained));
            return {};
        }
        if (end == "else") end = TRY(block(node.otherwise, depth + 1));
        if (end != "end") return fail("missing {{end}}");
        return {};
    }

    Result<Pipeline> pipeline(int depth) {
        if (depth > deepest) return fail("nested too deeply");
        Pipeline terms;
        for (;;) {
            terms.push_back(TRY(command(depth)));
            skip_space();
            if (!text_.substr(at_).starts_with("|")) return terms;
            ++at_;
        }
    }

    Result<Term> command(int depth) {
        skip_space();
        const std::size_t start = at_;
        const std::string word = identifier();
        if (word.empty() || word == "true" || word == "false" || word == "nil") {
            at_ = start;
            return operand(depth);
        }
        if (!is_template_function(word)) {
            at_ = start;
            const std::string near = nearest(word, template_function_names());
            return fail(
                fmt::format("unknown function '{}'{}", word, near.empty() ? "" : fmt::format(", did you mean '{}'", near)));
        }
        Term call;
        call.kind = Term::Kind::call;
        call.function = word;
        for (;;) {
            skip_space();
            const std::string_view rest = text_.substr(at_);
            if (rest.empty() || rest.starts_with("}}") || rest.starts_with("-}}") || rest[0] == '|' || rest[0] == ')')
                return call;
            call.arguments.push_back(TRY(operand(depth)));
        }
    }

    Result<Term> operand(int depth) {
        skip_space();
        Term term;
        if (at_ >= text_.size()) return fail("unclosed action");
        const char c = text_[at_];
        if (c == '.' || c == '$') {
            term.kind = c == '$' ? Term::Kind::root : Term::Kind::field;
            if (c == '$') ++at_;
            while (at_ < text_.size() && text_[at_] == '.') {
                ++at_;
                const std::string name = identifier();
                if (name.empty()) break;
                term.path.push_back(name);
            }
        } else if (c == '"' || c == '`') {
            term.literal = TRY(quoted(c));
        } else if (c == '(') {
            ++at_;
            term.kind = Term::Kind::group;
            term.pipeline = TRY(pipeline(depth + 1));
            skip_space();
            if (at_ >= text_.size() || text_[at_] != ')') return fail("missing ')'");
            ++at_;
        } else if (std::isdigit(static_cast<unsigned char>(c)) || c == '-') {
            const std::string number(text_.substr(at_, 24));
            char* end = nullptr;
            const long long whole = std::strtoll(number.c_str(), &end, 10);
            term.literal = whole;
            if (*end == '.') term.literal = std::strtod(number.c_str(), &end);
            if (end == number.c_str()) return fail("bad number");
            at_ += static_cast<std::size_t>(end - number.c_str());
        } else {
            const std::string word = identifier();
            if (word == "true" || word == "false")
                term.literal = word == "true";
            else if (is_template_function(word)) {
                term.kind = Term::Kind::call;
                term.function = word;
            } else if (word != "nil")
                return fail(word.empty() ? fmt::format("unexpected '{}'", c) : "unexpected '" + word + "'");
        }
        return term;
    }

    Result<Json> quoted(char quote) {
        const std::size_t start = at_++;
        std::string text;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size()) {
                const char escaped = text_[++at_];
                text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
            } else {
                text += text_[at_];
            }
            ++at_;
        }
        if (at_ >= text_.size()) {
            at_ = start;
            return fail("unclosed string");
        }
        ++at_;
        return Json(text);
    }

    Result<> close() {
        skip_space();
        trim_next_ = text_.substr(at_).starts_with("-}}");
        if (trim_next_) ++at_;
        if (!text_.substr(at_).starts_with("}}")) return fail("unclosed action");
        at_ += 2;
        return {};
    }

    std::string identifier() {
        std::string word;
        while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) {
            if (word.empty() && std::isdigit(static_cast<unsigned char>(text_[at_]))) break;
            word += text_[at_++];
        }
        return word;
    }
    void skip_space() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    }
    static void trim_left(std::string& text) { text.erase(0, text.find_first_not_of(" \t\r\n")); }
    static void trim_right(std::string& text) { text.erase(text.find_last_not_of(" \t\r\n") + 1); }

    std::string_view text_;
    std::size_t at_ = 0;
    bool trim_next_ = false;
};

class Renderer {
public:
    explicit Renderer(const Json& root) : root_(root) {}

    Result<> block(const std::vector<Node>& nodes, const Json& dot, std::string& out) const {
        for (const auto& node : nodes) TRY(one(node, dot, out));
        return {};
    }

private:
    Result<> one(const Node& node, const Json& dot, std::string& out) const {
        if (node.kind == Node::Kind::text) {
            out += node.text;
            return {};
        }
        const Json value = TRY(evaluate(node.pipeline, dot));
        switch (node.kind) {
        case Node::Kind::output: out += go_text(value); return {};
        case Node::Kind::if_: return block(go_truth(value) ? node.body : node.otherwise, dot, out);
        case Node::Kind::with: return go_truth(value) ? block(node.body, value, out) : block(node.otherwise, dot, out);
        case Node::Kind::range:
            if (!go_truth(value)) return block(node.otherwise, dot, out);
            if (!value.is_structured()) return error(Errc::invalid, "template: range can't iterate over {}", go_text(value));
            for (const auto& item : value) TRY(block(node.body, item, out));
            return {};
        default: return {};
        }
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
        case Term::Kind::field: return field(dot, term.path);
        case Term::Kind::group: return evaluate(term.pipeline, dot);
        case Term::Kind::call: break;
        }
        std::vector<Json> arguments;
        for (const auto& argument : term.arguments) arguments.push_back(TRY(this->term(argument, dot, nullptr)));
        if (piped) arguments.push_back(*piped);
        return call_template_function(term.function, arguments).context("template");
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
                const std::string near = nearest(name, known);
                return error(Errc::invalid, "template: no field '{}'{}", name,
                             near.empty() ? "" : fmt::format(", did you mean '{}'", near));
            }
            value = &*found;
        }
        return *value;
    }

    const Json& root_;
};

}  // namespace

Template::Template(std::unique_ptr<Node> root) : root_(std::move(root)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view text) { return Template(std::make_unique<Node>(TRY(Parser(text).parse()))); }

Result<std::string> Template::render(const nlohmann::ordered_json& value) const {
    std::string out;
    TRY(Renderer(value).block(root_->body, value, out));
    return out;
}

}  // namespace gantry::cli
