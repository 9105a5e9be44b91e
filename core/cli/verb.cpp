#include "cli/verb.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace gantry::cli {

namespace {

template <class Target>
Option scalar(CLI::App& app, const std::string& names, Target& target, const std::string& help) {
    return Option(app.add_option(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
}

}  // namespace

Option Option::required() {
    option_->required();
    return *this;
}

Option Option::one_of(std::vector<std::string> values) {
    option_->check(CLI::IsMember(std::move(values)));
    return *this;
}

Option Option::hidden() {
    option_->group("");
    return *this;
}

Option Verb::add_flag(const std::string& names, bool& target, const std::string& help) {
    return Option(app_->add_flag(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
}

Option Verb::add_option(const std::string& names, std::string& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::string>& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::vector<std::string>& target, const std::string& help) {
    CLI::Option* option = app_->add_option(names, target, help);
    // One value for each time the option is given; words by their place take all there are.
    if (names.starts_with('-')) option->allow_extra_args(false);
    return Option(option);
}
Option Verb::add_option(const std::string& names, int& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<int>& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::int64_t>& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::uint32_t>& target, const std::string& help) {
    return scalar(*app_, names, target, help);
}

Verb Verb::add_verb(const std::string& name, const std::string& summary) { return Verb(*app_->add_subcommand(name, summary)); }

Verb Verb::add_group(const std::string& name, const std::string& summary) {
    CLI::App* group = app_->add_subcommand(name, summary);
    group->require_subcommand(1);
    return Verb(*group);
}

Verb Verb::alias(const std::string& name) {
    app_->alias(name);
    return *this;
}

void Verb::usage(const std::string& line) { app_->footer(line); }
void Verb::hide() { app_->group(""); }
void Verb::on_run(std::function<void()> run) { app_->callback(std::move(run)); }
void Verb::take_rest() { app_->prefix_command(); }
std::vector<std::string> Verb::remaining() const { return app_->remaining(); }

std::string Verb::name() const { return app_->get_name(); }
Verb Verb::parent() const { return Verb(*app_->get_parent()); }

std::optional<Verb> Verb::find(const std::string& name) const {
    for (CLI::App* sub : app_->get_subcommands([](const CLI::App*) { return true; }))
        if (sub->check_name(name)) return Verb(*sub);
    return std::nullopt;
}

std::vector<std::string> Verb::visible_verbs() const {
    std::vector<std::string> names;
    for (const CLI::App* sub : app_->get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); }))
        names.push_back(sub->get_name());
    return names;
}

std::vector<std::string> Verb::long_flags() const {
    std::vector<std::string> flags;
    for (const CLI::Option* option : app_->get_options())
        for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
    return flags;
}

std::optional<int> parse_command_line(std::vector<std::string> words, const std::function<void(Verb)>& declare) {
    CLI::App app{"Gantry: containers as systemd units", "gantry"};
    app.set_help_flag("--help", "show this help");  // -h is the host name for `run`
    app.set_version_flag("-v,--version", std::string("gantry version ") + GANTRY_VERSION);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::simple);
    declare(Verb(app));
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
        app.parse(std::move(words));
    } catch (const CLI::ParseError& failure) {
        return app.exit(failure);
    }
    return std::nullopt;
}

}  // namespace gantry::cli
