#include "image/registry/challenge.hpp"

namespace gantry::image::registry {

namespace {

bool is_token_char(char c) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
}

// A comma-separated list in which both challenges and their parameters are separated by commas: "Basic realm="x", Bearer a=b,
// c=d".
class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    void parse(std::vector<Challenge>& out) {
        while (true) {
            skip_list();
            std::string word = token();
            if (word.empty()) return;
            const std::size_t gap = skip_space();
            if (!rest_.empty() && rest_.front() == '=' && !out.empty() && started_) {
                if (!value_into(out.back(), std::move(word))) return;
                continue;
            }
            started_ = true;
            out.push_back({std::move(word), {}});
            if (gap > 0 && !parameters_or_token68(out.back())) return;
        }
    }

private:
    std::size_t skip_space() {
        const std::size_t count = std::min(rest_.find_first_not_of(" \t"), rest_.size());
        rest_.remove_prefix(count);
        return count;
    }
    void skip_list() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t,"), rest_.size())); }

    std::string token() {
        std::string word;
        while (!rest_.empty() && is_token_char(rest_.front())) {
            const char c = rest_.front();
            word += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
            rest_.remove_prefix(1);
        }
        return word;
    }

    bool value_into(Challenge& challenge, std::string name) {
        rest_.remove_prefix(1);  // '='
        skip_space();
        std::string value;
        if (!rest_.empty() && rest_.front() == '"') {
            if (!in_quotes(value)) return false;
        } else {
            // Registries leave out quotes around what is no token (realm=https://...); a comma or blank ends it.
            const std::size_t end = std::min(rest_.find_first_of(" \t,"), rest_.size());
            value = rest_.substr(0, end);
            rest_.remove_prefix(end);
        }
        challenge.params.emplace(std::move(name), std::move(value));  // the first one counts
        return true;
    }

    bool in_quotes(std::string& value) {
        for (std::size_t at = 1; at < rest_.size(); ++at) {
            if (rest_[at] == '"') {
                rest_.remove_prefix(at + 1);
                return true;
            }
            if (rest_[at] == '\\' && at + 1 < rest_.size()) ++at;
            value += rest_[at];
        }
        return false;
    }

    // After "SCHEME ": either the first parameter, or one blob of base64 ("Negotiate abc=="), which nobody here wants.
    bool parameters_or_token68(Challenge& challenge) {
        const std::string_view before = rest_;
        std::string name = token();
        skip_space();
        if (!name.empty() && rest_.starts_with('=') && !rest_.starts_with("==") && rest_.size() > 1)
            return value_into(challenge, std::move(name));
        rest_ = before;
        const std::size_t end = std::min(rest_.find(','), rest_.size());
        rest_.remove_prefix(end);
        return true;
    }

    std::string_view rest_;
    bool started_ = false;
};

}  // namespace

std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers) {
    std::vector<Challenge> challenges;
    for (const std::string& header : headers) Parser(header).parse(challenges);
    return challenges;
}

}  // namespace gantry::image::registry
