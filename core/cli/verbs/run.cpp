// run, create.
#include "cli/attach.hpp"
#include "cli/run_flags.hpp"
#include "cli/verbs/pull_image.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"

#include <fcntl.h>

namespace gantry::cli {

namespace {

// --volumes-from NAME[:ro|rw]: the other container's mounts, unless the target is taken.
Result<> add_volumes_from(container::Engine& engine, const RunFlags& flags, config::Definition& definition) {
    for (const auto& text : flags.volumes_from) {
        const auto colon = text.find(':');
        const std::string mode = colon == std::string::npos ? "" : text.substr(colon + 1);
        if (!mode.empty() && mode != "ro" && mode != "rw" && mode != "z" && mode != "Z")
            return error(Errc::invalid, "--volumes-from: mode '{}' is none of ro, rw", mode);
        const auto other = TRY_CONTEXT(engine.container(text.substr(0, colon)), "--volumes-from");
        for (auto mount : other.definition.mounts) {
            if (std::ranges::any_of(definition.mounts, [&](const auto& own) { return own.target == mount.target; })) continue;
            if (mode == "ro") mount.read_only = true;
            definition.mounts.push_back(std::move(mount));
        }
    }
    return {};
}

Result<> write_cidfile(const std::string& file, const std::string& id) {
    if (file.empty()) return {};
    auto fd = TRY_CONTEXT(os::open(file, O_WRONLY | O_CREAT | O_EXCL, 0644), "--cidfile");
    return os::write_all(fd.get(), id, file);
}

Result<container::Container> create_container(container::Engine& engine, const RunFlags& flags) {
    config::Definition definition = TRY(definition_from(flags));
    if (!flags.cidfile.empty() && os::path_exists(flags.cidfile))
        return error(Errc::exists, "container ID file found, make sure the other container isn't running or delete {}",
                     flags.cidfile);
    std::optional<ContainerName> name;
    if (!flags.name.empty()) name = TRY(ContainerName::parse(flags.name));
    TRY(add_volumes_from(engine, flags, definition));
    const auto image = TRY(ensure_image(engine, definition.image, flags.pull, flags.platform, flags.quiet));
    definition.image_id = image.id.str();
    auto container = TRY(engine.create(name, std::move(definition)));
    TRY(write_cidfile(flags.cidfile, container.id));
    return container;
}

struct RunOptions : RunFlags {
    Verb verb;
};

void declare_run(Verb& verb, RunOptions& options) {
    options.verb = verb;
    declare_run_flags(verb, options, false);
    verb.usage("usage: gantry run [OPTIONS] IMAGE [COMMAND] [ARG...]");
}

void declare_create(Verb& verb, RunOptions& options) {
    options.verb = verb;
    declare_run_flags(verb, options, true);
    verb.usage("usage: gantry create [OPTIONS] IMAGE [COMMAND] [ARG...]");
}

// Words that are missing are not the engine's error: 1 and not 125, as Docker has it.
int refuse_without_image(const std::string& verb) {
    fmt::print(stderr, "gantry: 'gantry {}' requires at least 1 argument: IMAGE\nSee 'gantry {} --help'.\n", verb, verb);
    return 1;
}

Result<int> run_run(Context& context, RunOptions& options) {
    options.image_and_command = options.verb.remaining();
    if (options.image_and_command.empty()) return refuse_without_image("run");
    auto* engine = TRY(context.engine());
    const auto container = TRY(create_container(*engine, options));
    if (!options.detach) return run_attached(*engine, container, {options.interactive, options.sig_proxy, options.detach_keys});
    auto* systemd = TRY(engine->systemd());
    TRY(systemd->hold(unit_name(container.name)));
    if (auto started = systemd->start(unit_name(container.name)); !started.ok())
        return report_failed_start(*systemd, container, started.error());
    return print(container.id + "\n");
}

Result<int> run_create(Context& context, RunOptions& options) {
    options.image_and_command = options.verb.remaining();
    if (options.image_and_command.empty()) return refuse_without_image("create");
    auto* engine = TRY(context.engine());
    return print(TRY(create_container(*engine, options)).id + "\n");
}

}  // namespace

void add_run_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "run", "Create a container and start it", declare_run, run_run, exit_engine_error);
        add_verb(*parent, context, "create", "Create a container", declare_create, run_create);
    }
}

}  // namespace gantry::cli
