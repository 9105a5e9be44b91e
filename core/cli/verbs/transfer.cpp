// pull, load, save, login, logout.
#include "cli/confirm.hpp"
#include "cli/interrupt.hpp"
#include "cli/modules/module.hpp"
#include "cli/progress.hpp"
#include "cli/verbs/pull_image.hpp"
#include "cli/verbs/verbs.hpp"
#include "image/transfer.hpp"

#include <iostream>
#include <unistd.h>

namespace gantry::cli {

namespace {

Result<image::PullResult> pull_image(container::Engine& engine, const std::string& reference, const std::string& platform,
                                     bool quiet) {
    const ImageRef ref = TRY(ImageRef::parse(reference));
    image::PullOptions options;
    if (!platform.empty()) options.platform = TRY_CONTEXT(image::Platform::parse(platform), "--platform");
    ProgressView view(quiet);
    options.progress = view.callback();
    options.cancel = &stop_on_interrupt();
    auto* store = TRY(engine.images());
    return TRY(RegistryModule::load())->pull(*store, engine.config(), ref, options);
}

struct PullVerb {
    std::vector<std::string> references;
    std::string platform;
    bool all_tags = false, quiet = false, content_trust = false;
};

void declare_pull(Verb& verb, PullVerb& options) {
    verb.add_option("REF", options.references, "NAME[:TAG|@DIGEST]").required();
    verb.add_flag("-a,--all-tags", options.all_tags, "every tag of the repository");
    verb.add_option("--platform", options.platform, "OS/ARCH[/VARIANT]").value("OS/ARCH[/VARIANT]");
    verb.add_flag("-q,--quiet", options.quiet, "no progress");
    verb.add_flag("--disable-content-trust", options.content_trust, "accepted: it is the default").hidden();
}

Result<> pull_one(container::Engine& engine, const std::string& reference, const PullVerb& options) {
    const auto pulled = TRY_CONTEXT(pull_image(engine, reference, options.platform, options.quiet), "pull '{}'", reference);
    if (!options.quiet) {
        TRY(print(fmt::format("Digest: {}\nStatus: {} {}\n", pulled.digest.str(),
                              pulled.up_to_date ? "Image is up to date for" : "Downloaded newer image for",
                              TRY(ImageRef::parse(pulled.name)).familiar())));
    }
    TRY(print(pulled.name + "\n"));
    return {};
}

// One failed tag does not keep the others back.
Result<> pull_all_tags(container::Engine& engine, const std::string& reference, const PullVerb& options) {
    const ImageRef ref = TRY(ImageRef::parse(reference));
    if (!ref.tag.empty() || ref.digest) return error(Errc::invalid, "tag can't be used with --all-tags/-a");
    const std::atomic<bool>& interrupted = stop_on_interrupt();
    const auto tags = TRY_CONTEXT(TRY(RegistryModule::load())->list_tags(engine.paths(), engine.config(), ref, &interrupted),
                                  "pull '{}'", reference);
    if (tags.empty()) return error(Errc::not_found, "pull '{}': the repository has no tags", reference);
    Result<> first;
    for (const std::string& tag : tags) {
        if (interrupted) return error(Errc::cancelled, "pull '{}': cancelled", reference);
        auto pulled = pull_one(engine, fmt::format("{}:{}", reference, tag), options);
        if (!pulled.ok() && first.ok()) first = std::move(pulled);
    }
    return first;
}

Result<int> run_pull(Context& context, PullVerb& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.references, [&](const std::string& reference) -> Result<> {
        if (options.all_tags) return pull_all_tags(*engine, reference, options);
        const ImageRef ref = TRY(ImageRef::parse(reference));
        if (!options.quiet && ref.tag.empty() && !ref.digest) TRY(print("Using default tag: latest\n"));
        return pull_one(*engine, reference, options);
    });
}

struct LoadVerb {
    std::string input = "-";
    bool quiet = false;
};

void declare_load(Verb& verb, LoadVerb& options) {
    verb.add_option("-i,--input", options.input, "archive or folder with an OCI layout; standard input if absent")
        .value("FILE");
    verb.add_flag("-q,--quiet", options.quiet, "no progress");
}

Result<int> run_load(Context& context, LoadVerb& options) {
    if (options.input == "-" && isatty(STDIN_FILENO))
        return error(Errc::invalid, "requested load from stdin, but stdin is a terminal: use -i FILE or a pipe");
    auto* engine = TRY(context.engine());
    ProgressView view(options.quiet);
    for (const auto& name :
         TRY_CONTEXT(image::load(*TRY(engine->images()), options.input, view.callback()), "load '{}'", options.input)) {
        const auto ref = ImageRef::parse(name);
        if (name.starts_with("sha256:") || !ref.ok())
            TRY(print(fmt::format("Loaded image ID: {}\n", name)));
        else
            TRY(print(fmt::format("Loaded image: {}\n", ref->familiar())));
    }
    return 0;
}

struct SaveVerb {
    std::vector<std::string> images;
    std::string output = "-", format = "docker-archive";
};

void declare_save(Verb& verb, SaveVerb& options) {
    verb.add_option("IMAGE", options.images).required();
    verb.add_option("-o,--output", options.output, "file or folder; standard output if absent").value("FILE");
    verb.add_option("--format", options.format, "docker-archive, oci-archive or oci-dir")
        .value("FORMAT")
        .one_of({"docker-archive", "oci-archive", "oci-dir"});
}

Result<int> run_save(Context& context, SaveVerb& options) {
    if (options.output == "-" && isatty(STDOUT_FILENO))
        return error(Errc::invalid, "cowardly refusing to save to a terminal: use -o FILE or redirect");
    auto format = image::ArchiveFormat::docker_archive;
    if (options.format == "oci-archive") format = image::ArchiveFormat::oci_archive;
    if (options.format == "oci-dir") {
        format = image::ArchiveFormat::oci_layout;
        if (options.output == "-") return error(Errc::invalid, "oci-dir needs a folder: use -o FOLDER");
    }
    auto* engine = TRY(context.engine());
    TRY(image::save(*TRY(engine->images()), options.images, format, options.output));
    return 0;
}

struct LoginVerb {
    std::string registry = "docker.io", user, password;
    bool password_stdin = false;
};

void declare_login(Verb& verb, LoginVerb& options) {
    verb.add_option("REGISTRY", options.registry, "docker.io if absent");
    verb.add_option("-u,--username", options.user, "user").value("USER");
    verb.add_option("-p,--password", options.password, "password; visible in the process list, better --password-stdin")
        .value("PASSWORD");
    verb.add_flag("--password-stdin", options.password_stdin, "read the password from standard input");
}

Result<int> run_login(Context& context, LoginVerb& options) {
    if (options.password_stdin && !options.password.empty())
        return error(Errc::invalid, "--password and --password-stdin are mutually exclusive");
    if (!options.password.empty()) note("--password can be seen in the process list; use --password-stdin");
    if (options.user.empty()) {
        if (options.password_stdin || !isatty(STDIN_FILENO))
            return error(Errc::invalid, "must provide --username with --password-stdin");
        std::fprintf(stderr, "Username: ");
        if (!std::getline(std::cin, options.user)) return error(Errc::invalid, "no user name on standard input");
    }
    if (options.password.empty()) options.password = TRY(ask_password(options.password_stdin ? "" : "Password: "));
    auto* engine = TRY(context.engine());
    const auto* registry = TRY(RegistryModule::load());
    const std::string file =
        TRY(registry->login(engine->paths(), engine->config(), options.registry, {options.user, options.password, ""}));
    note(fmt::format("credentials are stored in {}", file));
    return print("Login Succeeded\n");
}

void declare_logout(Verb& verb, LoginVerb& options) { verb.add_option("REGISTRY", options.registry, "docker.io if absent"); }

Result<int> run_logout(Context& context, LoginVerb& options) {
    auto* engine = TRY(context.engine());
    if (auto gone = TRY(RegistryModule::load())->logout(engine->paths(), options.registry); !gone.ok()) {
        if (gone.error().code() != Errc::not_found) return std::move(gone).error();
        complain(gone.error());  // no failure for Docker
        return 0;
    }
    return print(fmt::format("Removing login credentials for {}\n", options.registry));
}

}  // namespace

Result<image::Image> ensure_image(container::Engine& engine, const std::string& reference, const std::string& policy,
                                  const std::string& platform, bool quiet) {
    auto* store = TRY(engine.images());
    if (policy != "always") {
        auto found = store->find(reference);
        if (found.ok() || found.error().code() != Errc::not_found) return found;
        if (policy == "never") return error(Errc::not_found, "no such image: '{}' and --pull=never", reference);
        if (!quiet) std::fprintf(stderr, "Unable to find image '%s' locally\n", reference.c_str());
    }
    return TRY_CONTEXT(pull_image(engine, reference, platform, quiet), "pull '{}'", reference).image;
}

void add_transfer_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.image}) {
        add_verb(*parent, context, "pull", "Pull images from a registry", declare_pull, run_pull);
        add_verb(*parent, context, "load", "Load images from an archive", declare_load, run_load);
        add_verb(*parent, context, "save", "Save images to an archive", declare_save, run_save);
    }
    add_verb(parents.top, context, "login", "Log in to a registry", declare_login, run_login);
    add_verb(parents.top, context, "logout", "Log out from a registry", declare_logout, run_logout);
}

}  // namespace gantry::cli
