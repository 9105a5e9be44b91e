#include "cli/verb.hpp"

#include "base/units.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace gantry::cli {

// What a first declaration keeps.
struct Wanted {
    std::vector<std::string> names;
    std::vector<const CLI::App*> groups;
};

namespace {

constexpr int wrong_words = 1, wrong_flag = 125;

template <class Target>
Option scalar(CLI::App* app, const std::string& names, Target& target, const std::string& help) {
    if (!app) return Option(nullptr);
    return Option(app->add_option(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
}

}  // namespace

Option Option::required() {
    if (option_) option_->required();
    return *this;
}

Option Option::one_of(std::vector<std::string> values) {
    if (option_) option_->check(CLI::IsMember(std::move(values)));
    return *this;
}

Option Option::value(const std::string& name) {
    if (option_) option_->type_name(name);
    return *this;
}

Option Option::hidden() {
    if (option_) option_->group("");
    return *this;
}

Option Verb::add_flag(const std::string& names, bool& target, const std::string& help) {
    if (!app_) return Option(nullptr);
    return Option(app_->add_flag(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
}

Option Verb::add_option(const std::string& names, std::string& target, const std::string& help) {
    return scalar(app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::string>& target, const std::string& help) {
    return scalar(app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::vector<std::string>& target, const std::string& help) {
    if (!app_) return Option(nullptr);
    CLI::Option* option = app_->add_option(names, target, help);
    // One value for each time the option is given; words by their place take all there are.
    if (names.starts_with('-')) option->allow_extra_args(false);
    return Option(option);
}
Option Verb::add_option(const std::string& names, int& target, const std::string& help) {
    return scalar(app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<int>& target, const std::string& help) {
    return scalar(app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::int64_t>& target, const std::string& help) {
    return scalar(app_, names, target, help);
}
Option Verb::add_option(const std::string& names, std::optional<std::uint32_t>& target, const std::string& help) {
    return scalar(app_, names, target, help);
}

Verb Verb::add_verb(const std::string& name, const std::string& summary) {
    if (!app_ || (wanted_ && std::ranges::find(wanted_->names, name) == wanted_->names.end())) return {};
    return Verb(*app_->add_subcommand(name, summary), wanted_);
}

Verb Verb::add_group(const std::string& name, const std::string& summary) {
    const Verb verb = add_verb(name, summary);
    if (!verb.app_) return verb;
    CLI::App* group = verb.app_;
    group->callback([group] {
        if (group->get_subcommands().empty()) fmt::print("{}", group->help());
    });
    if (wanted_) wanted_->groups.push_back(group);
    return verb;
}

Verb Verb::alias(const std::string& name) {
    if (app_) app_->alias(name);
    return *this;
}

void Verb::usage(const std::string& line) {
    if (app_) app_->footer(line);
}
void Verb::hide() {
    if (app_) app_->group("");
}
void Verb::on_run(std::function<void()> run) {
    if (app_) app_->callback(std::move(run));
}
void Verb::take_rest() {
    if (app_) app_->prefix_command();
}
std::vector<std::string> Verb::remaining() const { return app_->remaining(); }

std::string Verb::name() const { return app_->get_name(); }
std::string Verb::summary() const { return app_->get_description(); }
std::string Verb::usage_line() const { return app_->get_footer(); }
bool Verb::is_group() const { return !app_->get_subcommands(nullptr).empty(); }

std::vector<OptionView> Verb::options() const {
    std::vector<OptionView> views;
    for (const CLI::Option* option : app_->get_options()) {
        if (option == app_->get_help_ptr() || option == app_->get_version_ptr()) continue;
        OptionView& view = views.emplace_back();
        for (const auto& name : option->get_snames()) view.names.push_back("-" + name);
        for (const auto& name : option->get_lnames()) view.names.push_back("--" + name);
        const std::string type = option->get_type_name();
        if (view.names.empty())
            view.value = option->get_name();
        else if (option->get_items_expected_max() != 0)
            view.value = type.substr(0, type.find(':'));  // what one_of() adds is in the help
        view.help = option->get_description();
        view.required = option->get_required();
        view.repeats = option->get_items_expected_max() > 1;
        view.hidden = option->get_group().empty();
    }
    return views;
}

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

namespace {

// The verb that the words had led to when something was wrong.
const CLI::App& last_parsed(const CLI::App& app) {
    const auto below = app.get_subcommands();
    return below.empty() ? app : last_parsed(*below.back());
}

std::string words_of(const CLI::App& app) {
    return app.get_parent() ? words_of(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

// Docker's exit statuses: 1 for words that are missing or too many, 125 for a flag that is wrong.
int refuse(const CLI::App& app, const CLI::ParseError& failure) {
    const CLI::App& verb = last_parsed(app);
    const std::string name = words_of(verb);
    std::string text = failure.what();
    int status = wrong_flag;
    const auto is = [&](CLI::ExitCodes code) { return failure.get_exit_code() == static_cast<int>(code); };
    if (const auto extra = app.remaining(true); is(CLI::ExitCodes::ExtrasError) && !extra.empty()) {
        const std::string& word = extra.front();
        status = word.starts_with('-') ? wrong_flag : wrong_words;
        if (status == wrong_flag) {
            text = "unknown flag: " + word;
        } else if (!verb.get_subcommands(nullptr).empty()) {
            text = fmt::format("unknown verb '{} {}'{}", name, word,
                               did_you_mean(word, Verb(const_cast<CLI::App&>(verb)).visible_verbs()));
        } else {
            text = fmt::format("'{}' takes no argument '{}'", name, word);
        }
    } else if (is(CLI::ExitCodes::RequiredError)) {
        status = wrong_words;
        text = fmt::format("'{}': {}", name, text);
    }
    fmt::print(stderr, "gantry: {}\nSee '{} --help'.\n", text, name);
    return status;
}

const CLI::App* verb_below(const CLI::App& app, const std::string& name) {
    const auto found = app.get_subcommands([&](const CLI::App* sub) { return sub->check_name(name); });
    return found.empty() ? nullptr : found.front();
}

// Whether the words name a verb of the tree: everything else (help, options of the top, a wrong word) needs the whole of it.
bool leads_to_a_verb(const CLI::App& app, const Wanted& wanted) {
    const CLI::App* verb = &app;
    for (const std::string& name : wanted.names) {
        verb = verb_below(*verb, name);
        if (!verb || std::ranges::find(wanted.groups, verb) == wanted.groups.end()) return verb != nullptr;
    }
    return false;  // a group alone
}

std::unique_ptr<CLI::App> declared(const std::function<void(Verb)>& declare, Wanted* wanted) {
    auto app = std::make_unique<CLI::App>("Containers as systemd units", "gantry");
    app->set_help_flag("--help", "show this help");  // -h is the host name for `run`
    app->set_version_flag("-v,--version", std::string("gantry version ") + GANTRY_VERSION);
    declare(Verb(*app, wanted));
    return app;
}

}  // namespace

std::optional<int> parse_command_line(std::vector<std::string> words, const std::function<void(Verb)>& declare) {
    Wanted wanted;
    // Those that begin so look at the tree themselves.
    if (!words.empty() && !words[0].starts_with("__"))
        wanted.names.assign(words.begin(), words.begin() + std::min<std::ptrdiff_t>(3, std::ssize(words)));
    std::unique_ptr<CLI::App> app;
    if (!wanted.names.empty()) app = declared(declare, &wanted);
    if (!app || !leads_to_a_verb(*app, wanted)) app = declared(declare, nullptr);
    if (words.empty())
        words.emplace_back("--help");
    else if (words.front() == "help")  // `docker help run`
        std::rotate(words.begin(), words.begin() + 1, words.end()), words.back() = "--help";
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
        app->parse(std::move(words));
    } catch (const CLI::ParseError& failure) {
        return failure.get_exit_code() == 0 ? app->exit(failure) : refuse(*app, failure);
    }
    return std::nullopt;
}

}  // namespace gantry::cli
