// rm, rename, update, container prune.
#include "base/units.hpp"
#include "cli/confirm.hpp"
#include "cli/format/listing.hpp"
#include "cli/run_flags.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

#include <ctime>

namespace gantry::cli {

namespace {

struct RmOptions {
    std::vector<std::string> containers;
    bool force = false, volumes = false, link = false;
};

void declare_rm(Verb& verb, RmOptions& options) {
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
    verb.add_flag("-f,--force", options.force, "kill a running container first");
    verb.add_flag("-v,--volumes", options.volumes, "remove its anonymous volumes too");
}

Result<int> run_rm(Context& context, RmOptions& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.containers, [&](const std::string& name) -> Result<> {
        auto container = engine->container(name);
        if (!container.ok()) {
            // Docker's rm -f is content with what is gone already, but says so.
            if (options.force && container.error().code() == Errc::not_found) {
                complain(container.error());
                return {};
            }
            return std::move(container).error();
        }
        TRY(engine->remove(*container, options.force, options.volumes));
        TRY(print(name + "\n"));
        return {};
    });
}

struct RenameOptions {
    std::string container, name;
};

void declare_rename(Verb& verb, RenameOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("NEW_NAME", options.name).required();
}

Result<int> run_rename(Context& context, RenameOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    TRY(engine->rename(container, TRY(ContainerName::parse(options.name))));
    return 0;
}

struct UpdateOptions {
    RunFlags flags;
    std::vector<std::string> containers;
};

void declare_update(Verb& verb, UpdateOptions& options) {
    auto& flags = options.flags;
    verb.add_option("CONTAINER", options.containers, "name, id or the first digits of an id").required();
    verb.add_option("-m,--memory", flags.memory, "memory limit");
    verb.add_option("--memory-reservation", flags.memory_reservation, "soft memory limit");
    verb.add_option("--memory-swap", flags.memory_swap, "memory plus swap, -1 for unlimited swap");
    verb.add_option("--cpus", flags.cpus, "number of CPUs");
    verb.add_option("-c,--cpu-shares", flags.cpu_shares, "CPU weight");
    verb.add_option("--cpu-period", flags.cpu_period, "CPU period in microseconds");
    verb.add_option("--cpu-quota", flags.cpu_quota, "CPU quota in microseconds");
    verb.add_option("--cpuset-cpus", flags.cpuset_cpus, "CPUs to run on");
    verb.add_option("--cpuset-mems", flags.cpuset_mems, "memory nodes");
    verb.add_option("--pids-limit", flags.pids_limit, "number of processes, -1 for unlimited");
    verb.add_option("--blkio-weight", flags.blkio_weight, "I/O weight, 10 to 1000");
    verb.add_option("--restart", flags.restart, "restart policy");
}

// What the flags name replaces what the definition says; the rest stays.
Result<config::Definition> updated(const UpdateOptions& options, const config::Definition& old) {
    RunFlags flags = options.flags;
    flags.image_and_command = {old.image};
    const config::Definition asked = TRY(definition_from(flags));
    config::Definition changed = old;
    const auto take = [](auto& into, const auto& from) {
        if (from) into = from;
    };
    take(changed.limits.memory, asked.limits.memory);
    take(changed.limits.memory_reservation, asked.limits.memory_reservation);
    take(changed.limits.memory_swap, asked.limits.memory_swap);
    take(changed.limits.cpus, asked.limits.cpus);
    take(changed.limits.cpu_weight, asked.limits.cpu_weight);
    take(changed.limits.io_weight, asked.limits.io_weight);
    if (!flags.pids_limit.empty()) changed.limits.pids = asked.limits.pids;
    if (!flags.cpuset_cpus.empty()) changed.limits.cpuset = flags.cpuset_cpus;
    if (!flags.cpuset_mems.empty()) changed.limits.cpuset_mems = flags.cpuset_mems;
    if (!flags.restart.empty()) {
        changed.restart = asked.restart;
        changed.restart_max = asked.restart_max;
        if (changed.auto_remove && changed.restart != config::Restart::no)
            return error(Errc::invalid, "--restart and --rm contradict each other");
    }
    return changed;
}

Result<int> run_update(Context& context, UpdateOptions& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.containers, [&](const std::string& name) -> Result<> {
        const auto container = TRY(engine->container(name));
        TRY(engine->update(container, TRY(updated(options, container.definition))));
        TRY(print(name + "\n"));
        return {};
    });
}

struct PruneOptions {
    bool force = false;
    std::vector<std::string> filters;
};

void declare_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-f,--force", options.force, "do not ask");
    verb.add_option("--filter", options.filters, "until=TIME, label=KEY[=VALUE]");
}

Result<int> run_prune(Context& context, PruneOptions& options) {
    const Filters filters = TRY(Filters::parse(options.filters, {"until", "label"}));
    if (!options.force && !TRY(confirm("WARNING! This will remove all stopped containers."))) return 0;
    auto* engine = TRY(context.engine());
    std::string removed;
    std::uint64_t bytes = 0;
    for (const auto& container : TRY(engine->containers())) {
        if (container.state != "exited" && container.state != "created" && container.state != "dead") continue;
        // A hand-written definition is the administrator's, not a leftover.
        if (container.problem || !container.definition_file.starts_with(engine->paths().data)) continue;
        if (!filters.match_labels(container.definition.labels)) continue;
        bool young = false;
        for (const auto& until : filters.values("until"))
            young |= container.definition.created * 1000000 >= TRY(parse_time(until));
        if (young) continue;
        auto* storage = TRY(engine->storage(container.definition.storage_driver));
        if (auto status = storage->status(container.name.str()); status.ok()) bytes += status->bytes;
        if (auto gone = engine->remove(container, false, false); !gone.ok())
            complain(gone.error());
        else
            removed += container.id + "\n";
    }
    if (!removed.empty()) removed = "Deleted Containers:\n" + removed + "\n";
    return print(fmt::format("{}Total reclaimed space: {}\n", removed, human_size(bytes)));
}

}  // namespace

void add_change_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "rm", "Remove containers", declare_rm, run_rm);
        add_verb(*parent, context, "rename", "Rename a container", declare_rename, run_rename);
        add_verb(*parent, context, "update", "Change limits and restart policy of containers", declare_update, run_update);
    }
    add_verb(parents.container, context, "prune", "Remove all stopped containers", declare_prune, run_prune);
}

}  // namespace gantry::cli
