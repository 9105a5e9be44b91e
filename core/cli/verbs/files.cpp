// cp, diff, export.
#include "cli/copy_tree.hpp"
#include "cli/modules/module.hpp"
#include "cli/verbs/verbs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::cli {

namespace {

struct DiffOptions {
    std::string container;
};

void declare_diff(Verb& verb, DiffOptions& options) { verb.add_option("CONTAINER", options.container).required(); }

Result<int> run_diff(Context& context, DiffOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    auto* store = TRY(engine->images());
    const auto& definition = container.definition;
    const auto image = TRY(store->find(definition.image_id.empty() ? definition.image : definition.image_id));
    const auto layers = store->layer_keys(TRY(store->config(image)));
    std::string out;
    auto* storage = TRY(engine->storage(definition.storage_driver));
    for (const auto& change : TRY(storage->diff(container.name.str(), layers))) {
        // The empty files that the engine's own are bound onto are no change of the container's.
        static const std::set<std::string> mount_points{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
        if (change.kind == driver::ChangeKind::added && mount_points.contains(change.path)) continue;
        out += fmt::format("{} {}\n", static_cast<char>(change.kind), change.path);
    }
    return print(out);
}

struct ExportOptions {
    std::string container, output = "-";
};

void declare_export(Verb& verb, ExportOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("-o,--output", options.output, "file; standard output if absent").value("FILE");
}

Result<int> run_export(Context& context, ExportOptions& options) {
    if (options.output == "-" && isatty(STDOUT_FILENO))
        return error(Errc::invalid, "cowardly refusing to save to a terminal: use -o FILE or redirect");
    auto* engine = TRY(context.engine());
    const auto root = TRY(engine->open_root(TRY(engine->container(options.container)), false));
    if (options.output == "-") {
        TRY(TRY(ArchiveModule::load())->write(root.get(), ".", "", STDOUT_FILENO, true));
        return 0;
    }
    // Beside the target and renamed over it: a failed export leaves what was there.
    const std::string temporary = options.output + ".partial";
    auto file = TRY(os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (auto written = TRY(ArchiveModule::load())->write(root.get(), ".", "", file.get(), true); !written.ok()) {
        unlink(temporary.c_str());
        return std::move(written).error();
    }
    TRY(os::rename(temporary, options.output));
    return 0;
}

struct CpOptions {
    std::string source, target;
    bool archive = false, follow = false, quiet = false;
};

void declare_cp(Verb& verb, CpOptions& options) {
    verb.add_option("SOURCE", options.source, "CONTAINER:PATH, PATH or - (a tar on standard input)").required();
    verb.add_option("TARGET", options.target, "CONTAINER:PATH, PATH or - (a tar on standard output)").required();
    verb.add_flag("-a,--archive", options.archive, "keep user and group");
    verb.add_flag("-L,--follow-link", options.follow, "copy what a symbolic link points at");
    verb.add_flag("-q,--quiet", options.quiet, "accepted: nothing is shown").hidden();
}

// "name:path", unless it is a path ("./a:b", "/a:b").
std::optional<std::pair<std::string, std::string>> in_container(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos || text.starts_with("/") || text.starts_with(".")) return std::nullopt;
    return std::pair{text.substr(0, colon), text.substr(colon + 1)};
}

Result<int> run_cp(Context& context, CpOptions& options) {
    const auto from = in_container(options.source), to = in_container(options.target);
    if (from && to) return error(Errc::invalid, "copying between containers is not supported");
    if (!from && !to) return error(Errc::invalid, "must specify at least one container source");
    auto* engine = TRY(context.engine());
    const CopyOptions how{options.archive, options.follow};
    const auto container = TRY(engine->container(from ? from->first : to->first));
    const auto root = TRY(engine->open_root(container, true));
    if (from) {
        if (options.target == "-")
            TRY(TRY(ArchiveModule::load())->copy_to_stream(root.get(), from->second, STDOUT_FILENO, how.follow_link));
        else
            TRY(copy_out(root.get(), from->second, options.target, how));
    } else {
        if (options.source == "-")
            TRY(TRY(ArchiveModule::load())->copy_from_stream(STDIN_FILENO, root.get(), to->second, how.keep_owner));
        else
            TRY(copy_in(options.source, root.get(), to->second, how));
    }
    return 0;
}

}  // namespace

void add_file_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "cp", "Copy files between a container and the host", declare_cp, run_cp);
        add_verb(*parent, context, "diff", "Show what a container changed in its root file system", declare_diff, run_diff);
        add_verb(*parent, context, "export", "Write a container's root file system as a tar", declare_export, run_export);
    }
}

}  // namespace gantry::cli
