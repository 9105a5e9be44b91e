#include "base/units.hpp"
#include "cli/format/template_tree.hpp"

#include <cctype>
#include <cstdlib>

namespace gantry::cli {

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
            if (!literal.empty()) {
                into.emplace_back().kind = Node::Kind::text;
                into.back().text = std::move(literal);
            }
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
        declaration(node);
        node.pipeline = TRY(pipeline(0));
        TRY(close());
        into.push_back(std::move(node));
        return std::string();
    }

    Result<> control(Node& node, int depth) {
        declaration(node);
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
            Term term = TRY(operand(depth));
            if (term.kind == Term::Kind::field && !term.path.empty()) term.arguments = TRY(arguments(depth));
            return term;
        }
        if (!is_template_function(word)) {
            at_ = start;
            return fail(fmt::format("unknown function '{}'{}", word, did_you_mean(word, template_function_names())));
        }
        Term call;
        call.kind = Term::Kind::call;
        call.name = word;
        call.arguments = TRY(arguments(depth));
        return call;
    }

    Result<std::vector<Term>> arguments(int depth) {
        std::vector<Term> found;
        for (;;) {
            skip_space();
            const std::string_view rest = text_.substr(at_);
            if (rest.empty() || rest.starts_with("}}") || rest.starts_with("-}}") || rest[0] == '|' || rest[0] == ')')
                return found;
            found.push_back(TRY(operand(depth)));
        }
    }

    Result<Term> operand(int depth) {
        skip_space();
        Term term;
        if (at_ >= text_.size()) return fail("unclosed action");
        const char c = text_[at_];
        if (c == '.' || c == '$') {
            term.kind = Term::Kind::field;
            if (c == '$') {
                ++at_;
                term.name = identifier();
                term.kind = term.name.empty() ? Term::Kind::root : Term::Kind::variable;
            }
            fields(term.path);
        } else if (c == '"' || c == '`') {
            term.literal = TRY(in_quotes(c));
        } else if (c == '(') {
            ++at_;
            term.kind = Term::Kind::group;
            term.pipeline = TRY(pipeline(depth + 1));
            skip_space();
            if (at_ >= text_.size() || text_[at_] != ')') return fail("missing ')'");
            ++at_;
            fields(term.path);
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
                term.name = word;
            } else if (word != "nil")
                return fail(word.empty() ? fmt::format("unexpected '{}'", c) : "unexpected '" + word + "'");
        }
        return term;
    }

    void fields(std::vector<std::string>& path) {
        while (at_ < text_.size() && text_[at_] == '.') {
            ++at_;
            std::string name = identifier();
            if (name.empty()) return;
            path.push_back(std::move(name));
        }
    }

    // "$x :=", "$i, $e :=" (of a range) or "$x =" in front of a pipeline; anything else is left alone.
    void declaration(Node& node) {
        const std::size_t start = at_;
        std::vector<std::string> names;
        for (skip_space(); at_ < text_.size() && text_[at_] == '$'; skip_space()) {
            ++at_;
            names.push_back(identifier());
            skip_space();
            if (node.kind != Node::Kind::range || names.size() == 2 || !text_.substr(at_).starts_with(",")) break;
            ++at_;
        }
        skip_space();
        const bool declares = text_.substr(at_).starts_with(":=");
        const bool assigns = names.size() == 1 && text_.substr(at_).starts_with("=");
        if (names.empty() || names.front().empty() || names.back().empty() || (!declares && !assigns)) {
            at_ = start;
            return;
        }
        at_ += declares ? 2 : 1;
        node.variables = std::move(names);
        node.assigns = assigns;
    }

    Result<Json> in_quotes(char quote) {
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

}  // namespace

Result<Template::Node> parse_template(std::string_view text) { return Parser(text).parse(); }

}  // namespace gantry::cli
