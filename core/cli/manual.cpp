#include "cli/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace gantry::cli {

namespace {

// scdoc(5): a backslash takes the meaning of what follows.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '*' || c == '_') out += '\\';
        out += c;
    }
    return out;
}

std::string strong(const std::string& text) { return "*" + escaped(text) + "*"; }
std::string placeholder(const std::string& text) { return "_" + escaped(text) + "_"; }

std::string lower_first(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

// A help text as a sentence; one that starts with what can be typed stays as it is.
std::string sentence(std::string text) {
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) && text.find_first_of("=,:|") > text.find(' '))
        text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text.ends_with('.') ? text : text + ".";
}

// "gantry network create", without the program's name for the top itself.
std::string full_name(const Verb& verb, const char* glue) {
    std::string name = verb.name();
    if (name == "gantry") return name;
    return full_name(verb.parent(), glue) + glue + name;
}

std::string page_of(const Verb& verb) { return full_name(verb, "-"); }

// [OPTIONS] CONTAINER [ARG...], as a usage line has it: capitals stand for something.
std::string marked_usage(const std::string& line) {
    std::string out, word;
    const auto flush = [&] {
        if (!word.empty()) out += std::isupper(static_cast<unsigned char>(word[0])) ? placeholder(word) : strong(word);
        word.clear();
    };
    for (const char c : line) {
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-') {
            word += c;
        } else {
            flush();
            out += c;
        }
    }
    flush();
    return out;
}

std::string synopsis(const Verb& verb) {
    static const std::string prefix = "usage: ";
    if (const std::string usage = verb.usage_line(); usage.starts_with(prefix)) {
        const std::string own = full_name(verb, " ");
        const std::string_view rest = std::string_view(usage).substr(prefix.size());
        // "gantry run ..." is also what `gantry container run` says of itself.
        const auto end = rest.find(' ', rest.find(verb.name()));
        return strong(own) + (end == std::string_view::npos ? "" : marked_usage(std::string(rest.substr(end))));
    }
    std::string out = strong(full_name(verb, " "));
    if (verb.is_group()) return out + " _VERB_ [_OPTIONS_] [_ARGUMENTS_]";
    const auto options = verb.options();
    if (std::ranges::any_of(options, [](const auto& option) { return !option.names.empty() && !option.hidden; }))
        out += " [_OPTIONS_]";
    for (const auto& option : options) {
        if (!option.names.empty() || option.hidden) continue;
        const std::string word = placeholder(option.value) + (option.repeats ? "..." : "");
        out += option.required ? " " + word : " [" + word + "]";
    }
    return out;
}

std::string options_section(const Verb& verb) {
    std::string out;
    for (const auto& option : verb.options()) {
        if (option.hidden || option.help.empty()) continue;
        std::string names;
        for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + strong(name);
        if (!option.value.empty()) names += (names.empty() ? "" : " ") + placeholder(option.value);
        out += fmt::format("{}\n\t{}\n\n", names, escaped(sentence(option.help)));
    }
    return out.empty() ? "" : "# OPTIONS\n\n" + out;
}

std::vector<Verb> visible(const Verb& parent) {
    std::vector<Verb> verbs;
    for (const auto& name : parent.visible_verbs()) verbs.push_back(*parent.find(name));
    return verbs;
}

// The verb at the top level that a group's verb is another name of: both were declared by the same function.
std::optional<Verb> same_at_top(const Verb& top, const Verb& verb) {
    for (const Verb& other : visible(top))
        if (!other.is_group() && other.summary() == verb.summary() && other.options() == verb.options()) return other;
    return std::nullopt;
}

std::string verb_entry(const Verb& verb, const std::string& page) {
    return fmt::format("{}\n\t{} See {}(1).\n\n", synopsis(verb), escaped(sentence(verb.summary())), strong(page));
}

std::string verbs_section(const Verb& group) {
    const bool at_top = group.name() == "gantry";
    std::string out = "# VERBS\n\n", groups;
    for (const Verb& verb : visible(group)) {
        if (!verb.is_group()) {
            const auto same = at_top ? std::nullopt : same_at_top(group.parent(), verb);
            out += verb_entry(verb, page_of(same ? *same : verb));
            continue;
        }
        groups += verb_entry(verb, page_of(verb));
        for (const Verb& inner : visible(verb))
            if (!same_at_top(group, inner)) groups += verb_entry(inner, page_of(inner));
    }
    return groups.empty() ? out : out + "# GROUPS\n\n" + groups;
}

}  // namespace

std::vector<ManualPage> manual_pages(const Verb& top) {
    std::vector<ManualPage> pages;
    const auto name = [&](const Verb& verb) { return page_of(verb).substr(top.name().size() + 1); };
    const std::function<void(const Verb&)> below = [&](const Verb& group) {
        for (const Verb& verb : visible(group)) {
            const auto same = group.name() == top.name() ? std::nullopt : same_at_top(top, verb);
            pages.push_back({name(verb), same ? name(*same) : ""});
            below(verb);
        }
    };
    below(top);
    return pages;
}

std::string manual_page(const Verb& verb, const std::string& prose) {
    const auto second = prose.find("\n# ", 1);
    std::string description = prose.substr(0, second);
    description.erase(description.find_last_not_of('\n') + 1);
    const std::string rest = second == std::string::npos ? "" : prose.substr(second + 1);
    return fmt::format("{0}(1)\n\n# NAME\n\n{0} - {1}\n\n# SYNOPSIS\n\n{2}\n\n{3}\n\n{4}{5}", page_of(verb),
                       lower_first(verb.summary()), synopsis(verb), description,
                       verb.is_group() ? verbs_section(verb) : options_section(verb), rest);
}

}  // namespace gantry::cli
