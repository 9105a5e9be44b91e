// COPY and ADD.
#include "base/digest.hpp"
#include "dockerfile/expand.hpp"
#include "dockerfile/instruction.hpp"
#include "dockerfile/parse.hpp"
#include "dockerfile/patterns.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile::detail {

namespace {

Result<> read_paths(const Statement& statement, Copy& copy) {
    const std::string keyword = upper(statement.keyword);
    auto array = TRY(json_words(statement.rest));
    std::vector<std::string> words = array ? *std::move(array) : split_blanks(statement.rest);
    if (words.size() < 2)
        return error(Errc::invalid, "{} requires at least two arguments, but only {} provided: the destination is not known",
                     keyword, words.empty() ? "none was" : "one was");
    if (words.size() > words_limit) return error(Errc::invalid, "more than {} words", words_limit);
    copy.destination = std::move(words.back());
    words.pop_back();
    if (!array && heredoc_word(copy.destination))
        return error(Errc::invalid, "{} cannot take a here-document as its destination", keyword);
    for (std::string& word : words) {
        const auto document = array ? std::nullopt : heredoc_word(word);
        const auto found =
            document ? std::ranges::find(statement.heredocs, document->name, &Heredoc::name) : statement.heredocs.end();
        if (found == statement.heredocs.end())
            copy.sources.push_back(std::move(word));
        else
            copy.heredocs.push_back(*found);
    }
    return {};
}

bool fixed(std::string_view text) { return text.find('$') == std::string_view::npos; }

Result<> read_common(const Statement& statement, const Flags& flags, Copy& copy) {
    copy.chown = flags.text("chown").value_or("");
    copy.chmod = flags.text("chmod").value_or("");
    copy.link = flags.boolean("link").value_or(false);
    copy.exclude = flags.list("exclude");
    TRY(read_paths(statement, copy));
    if (fixed(copy.chmod) && std::ranges::all_of(copy.exclude, fixed)) TRY(check_copy(copy));
    return {};
}

}  // namespace

Result<> check_copy(const Copy& copy) {
    if (!copy.chmod.empty()) TRY(FileMode::parse(copy.chmod));
    if (!copy.exclude.empty()) TRY_CONTEXT(Patterns::make(copy.exclude), "--exclude");
    return {};
}

Result<> check_checksum(std::string_view text) {
    // Of a git source it is a commit: 40 or 64 hexadecimal digits, or the beginning of them (Dockerfile reference, ADD
    // --checksum).
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    const bool commit = text.size() >= 7 && text.size() <= 64 && std::ranges::all_of(text, is_hex);
    if (!text.empty() && !commit) TRY_CONTEXT(Digest::parse(text), "--checksum");
    return {};
}

Result<What> make_copy(const Statement& statement) {
    const Flags flags = TRY(Flags::read(statement, {{"from", FlagKind::text},
                                                    {"chown", FlagKind::text},
                                                    {"chmod", FlagKind::text},
                                                    {"link", FlagKind::boolean},
                                                    {"parents", FlagKind::boolean},
                                                    {"exclude", FlagKind::list}}));
    Copy copy;
    copy.from = flags.text("from").value_or("");
    copy.parents = flags.boolean("parents").value_or(false);
    if (!fixed(copy.from))
        return error(Errc::invalid,
                     "variable expansion is not supported for --from, define a new stage with FROM using ARG from global "
                     "scope as a workaround");
    if (flags.text("from") && copy.from.empty()) return error(Errc::invalid, "flag '--from' of COPY is empty");
    TRY(read_common(statement, flags, copy));
    return What(std::move(copy));
}

Result<What> make_add(const Statement& statement) {
    const Flags flags = TRY(Flags::read(statement, {{"chown", FlagKind::text},
                                                    {"chmod", FlagKind::text},
                                                    {"link", FlagKind::boolean},
                                                    {"exclude", FlagKind::list},
                                                    {"checksum", FlagKind::text},
                                                    {"keep-git-dir", FlagKind::boolean},
                                                    {"unpack", FlagKind::boolean}}));
    Add add;
    add.checksum = flags.text("checksum").value_or("");
    add.keep_git_dir = flags.boolean("keep-git-dir");
    add.unpack = flags.boolean("unpack");
    TRY(read_common(statement, flags, add));
    if (fixed(add.checksum)) TRY(check_checksum(add.checksum));
    return What(std::move(add));
}

}  // namespace gantry::dockerfile::detail
