// rm, rename, update.
#include "cli/run_flags.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

namespace gantry::cli {

namespace {

struct RmOptions {
    std::vector<std::string> containers;
    bool force = false, volumes = false;
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
    verb.add_option("-m,--memory", flags.memory, "memory limit").value("BYTES");
    verb.add_option("--memory-reservation", flags.memory_reservation, "soft memory limit").value("BYTES");
    verb.add_option("--memory-swap", flags.memory_swap, "memory plus swap, -1 for unlimited swap").value("BYTES");
    verb.add_option("--cpus", flags.cpus, "number of CPUs").value("NUMBER");
    verb.add_option("-c,--cpu-shares", flags.cpu_shares, "CPU weight").value("NUMBER");
    verb.add_option("--cpu-period", flags.cpu_period, "CPU period in microseconds").value("MICROSECONDS");
    verb.add_option("--cpu-quota", flags.cpu_quota, "CPU quota in microseconds").value("MICROSECONDS");
    verb.add_option("--cpuset-cpus", flags.cpuset_cpus, "CPUs to run on").value("LIST");
    verb.add_option("--cpuset-mems", flags.cpuset_mems, "memory nodes").value("LIST");
    verb.add_option("--pids-limit", flags.pids_limit, "number of processes, -1 for unlimited").value("NUMBER");
    verb.add_option("--blkio-weight", flags.blkio_weight, "I/O weight, 10 to 1000").value("NUMBER");
    verb.add_option("--restart", flags.restart, "restart policy").value("POLICY");
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

}  // namespace

void add_change_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        Verb rm = add_verb(*parent, context, "rm", "Remove containers", declare_rm, run_rm);
        if (parent == &parents.container) rm.alias("remove");
        add_verb(*parent, context, "rename", "Rename a container", declare_rename, run_rename);
        add_verb(*parent, context, "update", "Change limits and restart policy of containers", declare_update, run_update);
    }
}

}  // namespace gantry::cli
