// ENV, LABEL and ARG.
#include "dockerfile/instruction.hpp"
#include "dockerfile/parse.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile::detail {

namespace {

struct Pairs {
    std::vector<KeyValue> values;
    bool legacy = false;
};

Result<Pairs> read_pairs(const Statement& statement, char escape) {
    TRY(Flags::read(statement, {}));
    TRY(need_text(statement));
    const std::string keyword = upper(statement.keyword);
    const std::vector<std::string> words = split_quoted(statement.rest, escape).words;
    if (words.empty()) return error(Errc::invalid, "{} requires at least one argument", keyword);
    if (words.size() > words_limit) return error(Errc::invalid, "more than {} words", words_limit);
    Pairs pairs;
    // The old form, "ENV key any text".
    pairs.legacy = words[0].find('=') == std::string::npos;
    if (pairs.legacy) {
        std::string_view value = statement.rest;
        std::string key(take_word(value));
        if (value.empty()) return error(Errc::invalid, "{} must have two arguments", keyword);
        pairs.values.push_back({std::move(key), std::string(value)});
        return pairs;
    }
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            return error(Errc::invalid, "can't find = in '{}', must be of the form: name=value", shown(word));
        if (equals == 0) return error(Errc::invalid, "a name of {} can not be blank", keyword);
        pairs.values.push_back({word.substr(0, equals), word.substr(equals + 1)});
    }
    return pairs;
}

}  // namespace

Result<What> make_env(const Statement& statement, char escape) {
    Pairs pairs = TRY(read_pairs(statement, escape));
    return What(Env{std::move(pairs.values), pairs.legacy});
}

Result<What> make_label(const Statement& statement, char escape) {
    Pairs pairs = TRY(read_pairs(statement, escape));
    return What(Label{std::move(pairs.values), pairs.legacy});
}

Result<What> make_arg(const Statement& statement, char escape) {
    TRY(Flags::read(statement, {}));
    TRY(need_text(statement));
    Arg arg;
    for (const std::string& word : split_quoted(statement.rest, escape).words) {
        const std::size_t equals = word.find('=');
        if (equals == 0) return error(Errc::invalid, "a name of ARG can not be blank");
        Arg::Item item{word.substr(0, equals), std::nullopt};
        if (equals != std::string::npos) item.value = word.substr(equals + 1);
        arg.items.push_back(std::move(item));
    }
    if (arg.items.empty()) return error(Errc::invalid, "ARG requires at least one argument");
    if (arg.items.size() > words_limit) return error(Errc::invalid, "more than {} words", words_limit);
    return What(std::move(arg));
}

}  // namespace gantry::dockerfile::detail
