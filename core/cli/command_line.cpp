// The tree of verbs.
#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

void declare_tree(Verb top, Context& context) {
    Parents parents{top,
                    top.add_group("container", "Manage containers"),
                    top.add_group("image", "Manage images"),
                    top.add_group("network", "Manage networks"),
                    top.add_group("net", "See what containers talk to"),
                    top.add_group("volume", "Manage volumes"),
                    top.add_group("system", "Manage the engine"),
                    top.add_group("builder", "Manage builds"),
                    top.add_group("registry", "Manage the engine's own registry")};
    add_run_verbs(parents, context);
    add_control_verbs(parents, context);
    add_change_verbs(parents, context);
    add_list_verbs(parents, context);
    add_port_verb(parents, context);
    add_usage_verbs(parents, context);
    add_inspect_verbs(parents, context);
    add_log_verbs(parents, context);
    add_exec_verbs(parents, context);
    add_file_verbs(parents, context);
    add_image_verbs(parents, context);
    add_transfer_verbs(parents, context);
    add_build_verbs(parents, context);
    add_commit_verbs(parents, context);
    add_push_verb(parents, context);
    add_manifest_verbs(parents, context);
    add_network_verbs(parents, context);
    add_policy_verbs(parents, context);
    add_flow_verb(parents, context);
    add_net_top_verb(parents, context);
    add_volume_verbs(parents, context);
    add_registry_verbs(parents, context);
    add_prune_verbs(parents, context);
    add_df_verb(parents, context);
    add_system_verbs(parents, context);
    add_completion_verbs(parents, context);
    add_manual_verb(parents, context);
}

}  // namespace

int run_command_line(std::vector<std::string> words, Context& context) {
    const auto status = parse_command_line(std::move(words), [&](Verb top) { declare_tree(top, context); });
    return status ? *status : context.exit_code;
}

}  // namespace gantry::cli
