// The tree of verbs.
#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

void declare_tree(CLI::App& app, Context& context) {
    app.set_help_flag("--help", "show this help");  // -h is the host name for `run`
    app.set_version_flag("-v,--version", std::string("gantry version ") + GANTRY_VERSION);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::simple);
    const auto group = [&](const char* name, const char* summary) -> CLI::App& {
        CLI::App* sub = app.add_subcommand(name, summary);
        sub->require_subcommand(1);
        return *sub;
    };
    Parents parents{app,
                    group("container", "Manage containers"),
                    group("image", "Manage images"),
                    group("network", "Manage networks"),
                    group("volume", "Manage volumes"),
                    group("system", "Manage the engine")};
    add_run_verbs(parents, context);
    add_control_verbs(parents, context);
    add_change_verbs(parents, context);
    add_list_verbs(parents, context);
    add_usage_verbs(parents, context);
    add_inspect_verbs(parents, context);
    add_log_verbs(parents, context);
    add_exec_verbs(parents, context);
    add_file_verbs(parents, context);
    add_image_verbs(parents, context);
    add_transfer_verbs(parents, context);
    add_network_verbs(parents, context);
    add_volume_verbs(parents, context);
    add_system_verbs(parents, context);
    add_completion_verbs(parents, context);
}

}  // namespace

int run_command_line(std::vector<std::string> words, Context& context) {
    CLI::App app{"Gantry: containers as systemd units", "gantry"};
    declare_tree(app, context);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
        app.parse(std::move(words));
    } catch (const CLI::ParseError& failure) {
        // Help and version end well; a wrong command line ends with Docker's 125.
        const int status = app.exit(failure);
        return status == 0 ? 0 : exit_engine_error;
    }
    return context.exit_code;
}

}  // namespace gantry::cli
