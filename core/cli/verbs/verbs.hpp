// One function per file of this folder: each declares its verbs below the given parents.
#pragma once

#include "cli/context.hpp"

namespace gantry::cli {

// The top level and `gantry container`: most container verbs exist below both.
struct Parents {
    Verb top;
    Verb container;
    Verb image;
    Verb network;
    Verb net;
    Verb volume;
    Verb system;
    Verb builder;
    Verb registry;
};

void add_run_verbs(Parents& parents, Context& context);       // run, create
void add_control_verbs(Parents& parents, Context& context);   // start, stop, restart, kill, pause, unpause, wait
void add_change_verbs(Parents& parents, Context& context);    // rm, rename, update
void add_list_verbs(Parents& parents, Context& context);      // ps
void add_port_verb(Parents& parents, Context& context);       // port
void add_usage_verbs(Parents& parents, Context& context);     // top, stats
void add_inspect_verbs(Parents& parents, Context& context);   // inspect, everywhere
void add_log_verbs(Parents& parents, Context& context);       // logs, events
void add_exec_verbs(Parents& parents, Context& context);      // exec, attach
void add_file_verbs(Parents& parents, Context& context);      // cp, diff, export
void add_image_verbs(Parents& parents, Context& context);     // images, rmi, tag, history
void add_transfer_verbs(Parents& parents, Context& context);  // pull, load, save, login, logout
void add_build_verbs(Parents& parents, Context& context);     // build
void add_commit_verbs(Parents& parents, Context& context);    // commit, import
void add_push_verb(Parents& parents, Context& context);       // push
void add_manifest_verbs(Parents& parents, Context& context);  // manifest ...
void add_network_verbs(Parents& parents, Context& context);   // network ...
void add_policy_verbs(Parents& parents, Context& context);    // network policy ...
void add_flow_verb(Parents& parents, Context& context);       // net flows
void add_net_top_verb(Parents& parents, Context& context);    // net top
void add_volume_verbs(Parents& parents, Context& context);    // volume ...
void add_registry_verbs(Parents& parents, Context& context);  // registry ...
void add_prune_verbs(Parents& parents, Context& context);     // prune, of everything
void add_df_verb(Parents& parents, Context& context);         // system df
void add_system_verbs(Parents& parents, Context& context);    // info, system check, check, version

void add_completion_verbs(Parents& parents, Context& context);  // completion
void add_manual_verb(Parents& parents, Context& context);       // for the build

}  // namespace gantry::cli
