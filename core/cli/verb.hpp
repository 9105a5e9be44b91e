// How verbs say what they take. All of the command line library is behind this seam: its headers cost seconds in every file.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gantry::cli {

class Context;

// A flag, an option with a value, or a word by its place. A handle: copies name the same option.
class Option {
public:
    explicit Option(CLI::Option* option) : option_(option) {}
    Option required();
    Option one_of(std::vector<std::string> values);
    Option value(const std::string& name);  // what --help and manual pages call its value: "FILE"
    Option hidden();                        // works, but is not in --help

private:
    CLI::Option* option_;
};

// What was declared of an option, for manual pages.
struct OptionView {
    std::vector<std::string> names;  // with their dashes, short ones first; none for a word by its place
    std::string value;               // the name of its value or word; none for a flag
    std::string help;
    bool required = false, repeats = false, hidden = false;
    bool operator==(const OptionView&) const = default;
};

struct Wanted;

// A verb or a group of verbs. A handle: copies name the same verb, which lives as long as the command line that it is part of.
// An empty one stands for a verb that the command line does not need: what is declared of it is forgotten.
class Verb {
public:
    Verb() = default;
    explicit Verb(CLI::App& app, Wanted* wanted = nullptr) : app_(&app), wanted_(wanted) {}

    // Names as in "-f,--force"; "!--no-x" says the opposite; a name without dashes is a word by its place. The target must
    // outlive the parse and keeps its value when the option is not given. A scalar given twice has its last value, a list has
    // all of them.
    Option add_flag(const std::string& names, bool& target, const std::string& help);
    Option add_option(const std::string& names, std::string& target, const std::string& help = "");
    Option add_option(const std::string& names, std::optional<std::string>& target, const std::string& help = "");
    Option add_option(const std::string& names, std::vector<std::string>& target, const std::string& help = "");
    Option add_option(const std::string& names, int& target, const std::string& help = "");
    Option add_option(const std::string& names, std::optional<int>& target, const std::string& help = "");
    Option add_option(const std::string& names, std::optional<std::int64_t>& target, const std::string& help = "");
    Option add_option(const std::string& names, std::optional<std::uint32_t>& target, const std::string& help = "");

    Verb add_verb(const std::string& name, const std::string& summary);
    Verb add_group(const std::string& name, const std::string& summary);  // shows its help without one of its verbs
    Verb alias(const std::string& name);
    void usage(const std::string& line);  // below the help
    void hide();
    void on_run(std::function<void()> run);

    // Flags end at the first word that is none of ours; that and all behind it is remaining().
    void take_rest();
    std::vector<std::string> remaining() const;

    // What was declared, for completion and manual pages.
    std::string name() const;
    std::string summary() const;
    std::string usage_line() const;           // as given to usage()
    std::vector<OptionView> options() const;  // without --help
    bool is_group() const;
    Verb parent() const;
    std::optional<Verb> find(const std::string& name) const;
    std::vector<std::string> visible_verbs() const;
    std::vector<std::string> long_flags() const;  // with their dashes

private:
    CLI::App* app_ = nullptr;
    Wanted* wanted_ = nullptr;  // null: all
};

// A whole command line, without the program's name. declare() gets its top, and is called a second time where the words do not
// lead to a verb by themselves (help, a wrong word): the first time only the verbs that they name are kept, because declaring
// all options of all verbs takes longer than most verbs do. Help, version and what was wrong are printed. The exit status, or
// nullopt: a verb ran. Without a word it is a question for help, as is "help VERB...".
std::optional<int> parse_command_line(std::vector<std::string> words, const std::function<void(Verb)>& declare);

}  // namespace gantry::cli
