// container, image, network, volume and system prune; system gc.
#include "base/units.hpp"
#include "cli/confirm.hpp"
#include "cli/format/listing.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/collect.hpp"

namespace gantry::cli {

namespace {

struct PruneOptions {
    bool force = false, all = false, volumes = false;
    std::string keep;
    std::vector<std::string> filters;
};

void declare_common(Verb& verb, PruneOptions& options, const char* filters) {
    verb.add_flag("-f,--force", options.force, "do not ask");
    verb.add_option("--filter", options.filters, filters).value("KEY=VALUE");
}

void declare_prune(Verb& verb, PruneOptions& options) {
    declare_common(verb, options, "until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]");
}

void declare_image_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-a,--all", options.all, "every image without a container, not only untagged ones");
    declare_prune(verb, options);
}

void declare_volume_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-a,--all", options.all, "named volumes too, not only anonymous ones");
    declare_common(verb, options, "label=KEY[=VALUE], label!=KEY[=VALUE], all=BOOL");
}

void declare_builder_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-a,--all", options.all, "steps that images share and cache mounts too");
    verb.add_option("--keep-storage", options.keep, "how much may stay").value("BYTES");
    declare_common(verb, options, "until=TIME: only what was not used since");
}

void declare_system_prune(Verb& verb, PruneOptions& options) {
    verb.add_flag("-a,--all", options.all, "every unused image, not only untagged ones");
    verb.add_flag("--volumes", options.volumes, "anonymous volumes too");
    declare_prune(verb, options);
}

// What was removed, as Docker lists it.
struct Pruned {
    std::string text;
    std::uint64_t bytes = 0;
};

Pruned listed(const char* heading, const std::vector<std::string>& names, std::uint64_t bytes) {
    if (names.empty()) return {"", bytes};
    return {fmt::format("{}:\n{}\n\n", heading, fmt::join(names, "\n")), bytes};
}

// As the engine wants them: times in seconds since 1970.
Result<container::Engine::Filters> filters_of(const std::vector<std::string>& texts, const std::vector<std::string>& known) {
    const Filters parsed = TRY(Filters::parse(texts, known));
    container::Engine::Filters filters;
    for (const auto& key : known) {
        for (const auto& value : parsed.values(key))
            filters[key].push_back(key == "until" ? std::to_string(TRY(parse_time(value)) / 1000000) : value);
    }
    return filters;
}

Result<Pruned> prune_containers(container::Engine& engine, const PruneOptions& options) {
    const auto pruned = TRY(engine.prune_containers(TRY(filters_of(options.filters, {"until", "label", "label!"}))));
    return listed("Deleted Containers", pruned.names, pruned.bytes);
}

Result<Pruned> prune_networks(container::Engine& engine, const PruneOptions& options) {
    const auto pruned = TRY(engine.prune_networks(TRY(filters_of(options.filters, {"until", "label", "label!"}))));
    return listed("Deleted Networks", pruned.names, 0);
}

Result<Pruned> prune_volumes(container::Engine& engine, const PruneOptions& options) {
    auto filters = TRY(filters_of(options.filters, {"label", "label!", "all"}));
    if (options.all) filters["all"] = {"true"};
    const auto pruned = TRY(engine.prune_volumes(filters));
    return listed("Deleted Volumes", pruned.names, pruned.bytes);
}

Result<Pruned> prune_images(container::Engine& engine, const PruneOptions& options) {
    const Filters parsed = TRY(Filters::parse(options.filters, {"until", "label", "label!", "dangling"}));
    std::map<std::string, std::string> filters;
    for (const char* key : {"until", "label", "label!", "dangling"}) {
        if (parsed.values(key).size() > 1) return error(Errc::unsupported, "--filter: '{}' can be given once for images", key);
        for (const auto& value : parsed.values(key)) filters[key] = value;
    }
    const auto pruned = TRY(engine.prune_images(options.all, filters));
    return listed("Deleted Images", pruned.lines, pruned.bytes);
}

Result<image::CachePrune> cache_options(const PruneOptions& options) {
    image::CachePrune wanted;
    wanted.all = options.all;
    const Filters parsed = TRY(Filters::parse(options.filters, {"until", "unused-for", "label", "label!"}));
    for (const char* key : {"until", "unused-for"})
        for (const auto& value : parsed.values(key)) wanted.unused_since = TRY(parse_time(value)) / 1000000;
    if (!options.keep.empty()) wanted.keep = TRY_CONTEXT(parse_bytes(options.keep), "--keep-storage");
    return wanted;
}

Result<Pruned> prune_build_cache(container::Engine& engine, const PruneOptions& options) {
    const auto pruned = TRY(engine.prune_build_cache(TRY(cache_options(options))));
    return listed("Deleted build cache objects", pruned.names, pruned.bytes);
}

Result<int> print_pruned(const Pruned& pruned) {
    return print(fmt::format("{}Total reclaimed space: {}\n", pruned.text, human_size(pruned.bytes)));
}

Result<int> run_container_prune(Context& context, PruneOptions& options) {
    if (!options.force && !TRY(confirm("WARNING! This will remove all stopped containers."))) return 0;
    return print_pruned(TRY(prune_containers(*TRY(context.engine()), options)));
}

Result<int> run_network_prune(Context& context, PruneOptions& options) {
    if (!options.force && !TRY(confirm("WARNING! This will remove all custom networks not used by at least one container.")))
        return 0;
    return print(TRY(prune_networks(*TRY(context.engine()), options)).text);
}

Result<int> run_volume_prune(Context& context, PruneOptions& options) {
    if (!options.force &&
        !TRY(confirm(options.all ? "WARNING! This will remove all volumes not used by at least one container."
                                 : "WARNING! This will remove anonymous local volumes not used by at least one container.")))
        return 0;
    return print_pruned(TRY(prune_volumes(*TRY(context.engine()), options)));
}

Result<int> run_image_prune(Context& context, PruneOptions& options) {
    if (!options.force &&
        !TRY(confirm(options.all ? "WARNING! This will remove all images without at least one container associated to them."
                                 : "WARNING! This will remove all dangling images.")))
        return 0;
    return print_pruned(TRY(prune_images(*TRY(context.engine()), options)));
}

Result<int> run_builder_prune(Context& context, PruneOptions& options) {
    if (!options.force && !TRY(confirm(options.all ? "WARNING! This will remove all build cache."
                                                   : "WARNING! This will remove all dangling build cache.")))
        return 0;
    return print_pruned(TRY(prune_build_cache(*TRY(context.engine()), options)));
}

Result<int> run_system_prune(Context& context, PruneOptions& options) {
    // Volumes have no time that says anything about their content.
    if (options.volumes && TRY(Filters::parse(options.filters, {"until", "label", "label!"})).has("until"))
        return error(Errc::invalid, "the filter 'until' is not supported with --volumes");
    const std::string warning = fmt::format(
        "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n{}  - "
        "{}\n",
        options.volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
        options.all ? "all images without at least one container associated to them\n  - all build cache"
                    : "all dangling images\n  - unused build cache");
    if (!options.force && !TRY(confirm(warning))) return 0;
    auto* engine = TRY(context.engine());
    // Containers first: they are what the rest is used by.
    std::vector<Result<Pruned> (*)(container::Engine&, const PruneOptions&)> steps{prune_containers, prune_networks};
    if (options.volumes) steps.push_back(prune_volumes);
    // Before the images: a layer goes when neither an image nor a step has it.
    steps.push_back(prune_build_cache);
    steps.push_back(prune_images);
    Pruned all;
    int status = 0;
    for (const auto step : steps) {
        PruneOptions own = options;
        own.all = options.all && (step == prune_images || step == prune_build_cache);
        const auto pruned = step(*engine, own);
        if (!pruned.ok()) {
            complain(pruned.error());
            status = 1;
            continue;
        }
        all.text += pruned->text;
        all.bytes += pruned->bytes;
    }
    TRY(print_pruned(all));
    return status;
}

struct GcOptions {
    bool dry_run = false;
    std::string format;
};

void declare_gc(Verb& verb, GcOptions& options) {
    verb.add_flag("--dry-run", options.dry_run, "say what would go, remove nothing");
    verb.add_option("--format", options.format, "json").value("FORMAT").one_of({"json"});
}

std::string line_of(const image::Collected::Item& item, bool dry_run) {
    const std::string name = item.name.empty() ? "" : " (" + item.name + ")";
    return fmt::format("{} {} {}{}\n", dry_run ? "would delete" : "deleted", item.kind, item.id, name);
}

Result<int> run_gc(Context& context, GcOptions& options) {
    const auto done = TRY(container::collect_images(*TRY(context.engine()), options.dry_run));
    for (const auto& item : done.items) {
        if (options.format == "json")
            TRY(print(dump_json(Json{{"Kind", item.kind},
                                     {"ID", item.id},
                                     {"Name", item.name},
                                     {"LastUsed", docker_time(item.used * 1000000)},
                                     {"Bytes", item.bytes},
                                     {"Deleted", !options.dry_run}}) +
                      "\n"));
        else
            TRY(print(line_of(item, options.dry_run)));
    }
    if (options.format.empty())
        TRY(print(fmt::format("Total {} space: {}\n", options.dry_run ? "reclaimable" : "reclaimed", human_size(done.bytes))));
    if (done.missing == 0) return 0;
    if (done.transfer) {
        complain(error(Errc::in_use, "images are being pulled, loaded or built: nothing more is removed now"));
        return 0;
    }
    return error(Errc::no_space, "{} more should go, but all that is left is in use or was of use too recently",
                 human_size(done.missing));
}

}  // namespace

void add_prune_verbs(Parents& parents, Context& context) {
    add_verb(parents.container, context, "prune", "Remove all stopped containers", declare_prune, run_container_prune);
    add_verb(parents.image, context, "prune", "Remove unused images", declare_image_prune, run_image_prune);
    add_verb(parents.network, context, "prune", "Remove all unused networks", declare_prune, run_network_prune);
    add_verb(parents.volume, context, "prune", "Remove unused volumes", declare_volume_prune, run_volume_prune);
    add_verb(parents.builder, context, "prune", "Remove build cache", declare_builder_prune, run_builder_prune);
    add_verb(parents.system, context, "gc", "Remove what is longest unused, if the disk is filling", declare_gc, run_gc);
    add_verb(parents.system, context, "prune", "Remove unused objects", declare_system_prune, run_system_prune);
}

}  // namespace gantry::cli
