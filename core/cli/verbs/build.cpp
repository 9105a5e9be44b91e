// build, and `builder prune`.
#include "base/json.hpp"
#include "cli/build_view.hpp"
#include "cli/interrupt.hpp"
#include "cli/modules/module.hpp"
#include "cli/progress.hpp"
#include "cli/verbs/verbs.hpp"
#include "config/reader.hpp"
#include "os/copy_tree.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace gantry::cli {

namespace {

struct BuildVerb {
    std::string context, file, target, platform, progress = "auto", network = "default", iidfile, metadata_file, memory,
                                                 shm_size;
    std::vector<std::string> cache_from, cache_to, names, build_args, labels, secrets, ssh, contexts, outputs, allow,
        no_cache_filter, add_hosts, ulimits;
    std::string cpus;
    bool no_cache = false, pull = false, quiet = false, squash = false, check = false, remove = true, force_remove = false,
         load = false, push = false;
    std::string call, cpu_shares, sink;
};

void declare_build(Verb& verb, BuildVerb& options) {
    verb.add_option("CONTEXT", options.context,
                    "folder, URL, git reference, or - for an archive or Dockerfile on standard input")
        .required();
    verb.add_option("-f,--file", options.file, "the Dockerfile (CONTEXT/Dockerfile), - for standard input").value("FILE");
    verb.add_option("-t,--tag", options.names, "name of the image, NAME[:TAG]").value("NAME[:TAG]");
    verb.add_option("--build-arg", options.build_args, "value of an ARG, NAME[=VALUE]").value("NAME[=VALUE]");
    verb.add_option("--label", options.labels, "label of the image, NAME=VALUE").value("NAME=VALUE");
    verb.add_option("--target", options.target, "stage to build").value("STAGE");
    verb.add_option("--platform", options.platform, "platform of the image").value("OS/ARCH[/VARIANT]");
    verb.add_flag("--no-cache", options.no_cache, "do every step again");
    verb.add_option("--no-cache-filter", options.no_cache_filter, "do the steps of this stage again").value("STAGE");
    verb.add_flag("--pull", options.pull, "look for newer base images");
    verb.add_option("--progress", options.progress, "auto, plain, tty, rawjson or quiet").value("FORM");
    verb.add_flag("-q,--quiet", options.quiet, "only the image's id");
    verb.add_option("--secret", options.secrets, "secret for RUN --mount=type=secret: id=ID[,src=FILE][,env=NAME]")
        .value("SECRET");
    verb.add_option("--ssh", options.ssh, "agent or keys for RUN --mount=type=ssh: default or ID[=SOCKET|KEY[,KEY]...]")
        .value("ID[=SOCKET]");
    verb.add_option("--network", options.network, "network of RUN: default, none, host or a network's name").value("NETWORK");
    verb.add_option("--add-host", options.add_hosts, "line of /etc/hosts for RUN, HOST:IP").value("HOST:IP");
    verb.add_option("--allow", options.allow, "network.host or security.insecure").value("RIGHT");
    verb.add_option("-o,--output", options.outputs, "type=image|oci|docker|local|tar[,dest=PATH], or a folder").value("OUTPUT");
    verb.add_option("--build-context", options.contexts, "named context, NAME=FOLDER|URL|docker-image://REF")
        .value("NAME=SOURCE");
    verb.add_option("--cache-from", options.cache_from, "take steps from there: REF, or type=registry|local,...")
        .value("PLACE");
    verb.add_option("--cache-to", options.cache_to,
                    "leave steps there: type=registry,ref=REF, type=local,dest=FOLDER, type=inline")
        .value("PLACE");
    verb.add_flag("--push", options.push, "push the image afterwards");
    verb.add_option("--iidfile", options.iidfile, "write the image's id to this file").value("FILE");
    verb.add_option("--metadata-file", options.metadata_file, "write what came out to this file, as JSON").value("FILE");
    verb.add_flag("--squash", options.squash, "one layer for all steps");
    verb.add_flag("--check", options.check, "only check the Dockerfile");
    verb.add_option("--call", options.call, "build, or check (as --check)").value("METHOD").one_of({"build", "check", "lint"});
    verb.add_option("-m,--memory", options.memory, "memory limit of each step").value("BYTES");
    verb.add_option("--cpus", options.cpus, "processors that each step may use").value("NUMBER");
    verb.add_option("--ulimit", options.ulimits, "resource limit of each step, NAME=SOFT[:HARD]").value("NAME=SOFT[:HARD]");
    verb.add_option("--shm-size", options.shm_size, "size of /dev/shm in each step").value("BYTES");
    verb.add_flag("--load", options.load, "accepted: images are always in the store").hidden();
    verb.add_flag("--rm,!--no-rm", options.remove, "accepted: nothing is left of steps").hidden();
    verb.add_flag("--force-rm", options.force_remove, "accepted: nothing is left of steps").hidden();
    verb.add_option("--provenance,--sbom,--attest,--builder", options.sink, "accepted and not used").hidden();
}

std::pair<std::string, std::optional<std::string>> split(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) return {text, std::nullopt};
    return {text.substr(0, equals), text.substr(equals + 1)};
}

Result<build::Secret> parse_secret(const std::string& text) {
    build::Secret secret;
    std::string type;
    for (const auto& [key, value] : split_fields(text)) {
        if (key == "id")
            secret.id = value;
        else if (key == "src" || key == "source")
            secret.file = value;
        else if (key == "env")
            secret.variable = value;
        else if (key == "type")
            type = value;
        else
            return error(Errc::invalid, "--secret: unexpected key '{}' in '{}'", key, text);
    }
    if (secret.id.empty()) return error(Errc::invalid, "--secret: '{}' has no id=", text);
    if (!type.empty() && type != "file" && type != "env")
        return error(Errc::invalid, "--secret: type '{}' is neither file nor env", type);
    // Docker's: an id alone is an environment variable where there is one of that name, else a file.
    if (type == "env" && secret.variable.empty())
        secret.variable = secret.file.empty() ? secret.id : std::exchange(secret.file, "");
    if (secret.file.empty() && secret.variable.empty()) (getenv(secret.id.c_str()) ? secret.variable : secret.file) = secret.id;
    if (!secret.file.empty() && !os::path_exists(secret.file))
        return error(Errc::not_found, "--secret {}: no such file '{}'", secret.id, secret.file);
    return secret;
}

Result<build::SshSource> parse_ssh(const std::string& text) {
    auto [id, places] = split(text);
    build::SshSource source{id, "", {}};
    std::string named = places.value_or("");
    if (named.empty()) {
        const char* agent = getenv("SSH_AUTH_SOCK");
        if (!agent || !*agent) return error(Errc::not_found, "--ssh {}: $SSH_AUTH_SOCK names no agent", id);
        named = agent;
    }
    const auto paths = gantry::split(named, ',');
    for (const std::string_view path : paths) {
        const std::string file(path);
        struct stat info {};
        if (stat(file.c_str(), &info) != 0) return errno_error("--ssh {}: '{}'", id, file);
        if (S_ISSOCK(info.st_mode) && paths.size() == 1)
            source.socket = file;
        else if (S_ISREG(info.st_mode))
            source.keys.push_back(std::filesystem::absolute(file).string());
        else
            return error(Errc::invalid, "--ssh {}: '{}' is neither an agent's socket nor a file with a key", id, file);
    }
    return source;
}

struct Output {
    std::string type = "image", destination;
};

Result<Output> parse_output(const std::string& text) {
    Output output;
    if (text == "-") return Output{"tar", "-"};
    if (text.find('=') == std::string::npos) return Output{"local", text};
    for (const auto& [key, value] : split_fields(text)) {
        if (key == "type")
            output.type = value;
        else if (key == "dest")
            output.destination = value;
        else if (key != "name" && key != "push" && key != "rewrite-timestamp" && key != "tar")
            return error(Errc::invalid, "--output: unexpected key '{}' in '{}'", key, text);
    }
    static constexpr std::array types{"image", "oci", "docker", "local", "tar"};
    if (std::ranges::find(types, output.type) == types.end())
        return error(Errc::invalid, "--output: type '{}' is none of image, oci, docker, local, tar", output.type);
    if (output.type == "local" && output.destination.empty())
        return error(Errc::invalid, "--output: type=local needs dest=FOLDER");
    if (output.destination.empty()) output.destination = "-";
    if (output.type != "image" && output.type != "local" && output.destination == "-" && isatty(STDOUT_FILENO))
        return error(Errc::invalid, "--output: cowardly refusing to write an archive to a terminal: give dest=FILE");
    return output;
}

Result<> fill_limits(const BuildVerb& options, config::Limits& limits) {
    if (!options.memory.empty()) limits.memory = TRY_CONTEXT(parse_bytes(options.memory), "--memory");
    if (!options.shm_size.empty()) limits.shm_size = TRY_CONTEXT(parse_bytes(options.shm_size), "--shm-size");
    if (!options.cpus.empty()) {
        char* end = nullptr;
        limits.cpus = std::strtod(options.cpus.c_str(), &end);
        if (*end || !(*limits.cpus > 0))
            return error(Errc::invalid, "--cpus: '{}' is not a number of processors", options.cpus);
    }
    for (const std::string& text : options.ulimits) {
        const auto [name, value] = split(text);
        limits.ulimits[name] = TRY_CONTEXT(config::parse_ulimit(value.value_or("")), "--ulimit {}", name);
    }
    return {};
}

Result<build::Options> build_options(const BuildVerb& verb) {
    build::Options options;
    options.context = verb.context;
    options.dockerfile = verb.file;
    if (options.context == "-" && options.dockerfile == "-")
        return error(Errc::invalid, "standard input cannot be both the context and the Dockerfile");
    options.input = STDIN_FILENO;
    for (const std::string& text : verb.names) {
        ImageRef ref = TRY_CONTEXT(ImageRef::parse(text), "--tag");
        if (ref.digest) return error(Errc::invalid, "--tag: '{}' has a digest, which only the image decides", text);
        options.names.push_back(std::move(ref));
    }
    for (const std::string& text : verb.build_args) {
        const auto [name, value] = split(text);
        // A name alone takes the environment's value, or none.
        if (value)
            options.build_args[name] = *value;
        else if (const char* own = getenv(name.c_str()))
            options.build_args[name] = own;
    }
    if (const char* epoch = getenv("SOURCE_DATE_EPOCH")) options.build_args.try_emplace("SOURCE_DATE_EPOCH", epoch);
    for (const std::string& text : verb.labels) {
        const auto [name, value] = split(text);
        if (name.empty()) return error(Errc::invalid, "--label: '{}' has no name", text);
        options.labels[name] = value.value_or("");
    }
    for (const std::string& text : verb.contexts) {
        const auto [name, source] = split(text);
        if (!source) return error(Errc::invalid, "--build-context: '{}' is not NAME=SOURCE", text);
        options.contexts[name] = *source;
    }
    for (const std::string& text : verb.secrets) options.secrets.push_back(TRY(parse_secret(text)));
    for (const std::string& text : verb.ssh) options.ssh.push_back(TRY(parse_ssh(text)));
    for (const std::string& text : verb.add_hosts) {
        const auto at = text.find_first_of(":=");
        if (at == std::string::npos || at == 0) return error(Errc::invalid, "--add-host: '{}' is not HOST:IP", text);
        options.extra_hosts.emplace_back(text.substr(0, at), text.substr(at + 1));
    }
    options.cache_from = verb.cache_from;
    options.cache_to = verb.cache_to;
    options.target = verb.target;
    if (!verb.platform.empty()) options.platform = TRY_CONTEXT(image::Platform::parse(verb.platform), "--platform");
    options.no_cache = verb.no_cache;
    options.no_cache_stages = verb.no_cache_filter;
    options.pull = verb.pull;
    options.squash = verb.squash;
    options.network = verb.network;
    options.allow = verb.allow;
    TRY(fill_limits(verb, options.limits));
    return options;
}

// The root file system of what was built, in a folder or an archive.
Result<> write_files(container::Engine& engine, const build::Outcome& outcome, const Output& output) {
    driver::StorageDriver* storage = TRY(engine.storage());
    driver::RootfsRequest request;
    request.container = "build-output";
    request.layers = outcome.layers;
    request.read_only = true;
    const os::Fd root = std::move(TRY(storage->prepare(request)).mount);
    if (output.type == "local") {
        TRY(os::make_dirs(output.destination));
        const os::Fd to = TRY(os::open(output.destination, O_RDONLY | O_DIRECTORY));
        return os::copy_into(root.get(), ".", to.get(), ".", {}, output.destination);
    }
    const auto* archive = TRY(ArchiveModule::load());
    if (output.destination == "-") return archive->write(root.get(), ".", "", STDOUT_FILENO, true);
    const os::Fd file = TRY(os::open(output.destination, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    return archive->write(root.get(), ".", "", file.get(), true);
}

Result<> write_outputs(container::Engine& engine, const BuildVerb& verb, const build::Outcome& outcome,
                       const std::vector<Output>& outputs) {
    for (const Output& output : outputs) {
        if (output.type == "local" || output.type == "tar")
            TRY_CONTEXT(write_files(engine, outcome, output), "--output type={}", output.type);
        if (output.type != "oci" && output.type != "docker") continue;
        const auto format = output.type == "oci" ? image::ArchiveFormat::oci_archive : image::ArchiveFormat::docker_archive;
        std::vector<std::string> names = verb.names;
        if (names.empty()) names = {outcome.id.str()};
        TRY_CONTEXT(image::save(*TRY(engine.images()), names, format, output.destination), "--output type={}", output.type);
    }
    if (!verb.iidfile.empty()) TRY(os::write_file_atomic(verb.iidfile, outcome.id.str(), 0644, false));
    if (verb.metadata_file.empty()) return {};
    Json json{{"containerimage.config.digest", outcome.id.str()}};
    if (outcome.image) json["containerimage.digest"] = outcome.manifest.str();
    std::string names;
    for (const std::string& name : verb.names)
        names += (names.empty() ? "" : ",") + TRY(ImageRef::parse(name)).normalized().str();
    if (!names.empty()) json["image.name"] = names;
    return os::write_file_atomic(verb.metadata_file, dump_json(json, 2) + "\n", 0644, false);
}

// Modules are loaded when something is to be fetched: a build that finds all in its cache needs none of their sixty libraries.
constexpr build::Fetchers fetchers{[](image::Store& store, const config::Engine& engine, const ImageRef& ref,
                                      const image::PullOptions& options) -> Result<image::PullResult> {
                                       return TRY(RegistryModule::load())->pull(store, engine, ref, options);
                                   },
                                   [](const config::Paths& paths, const config::Engine& engine, const std::string& url,
                                      const std::function<Result<>(std::string_view)>& sink,
                                      const image::DownloadOptions& options) -> Result<image::Downloaded> {
                                       return TRY(RegistryModule::load())->download(paths, engine, url, sink, options);
                                   },
                                   [](image::Store& store, const config::Engine& engine, const ImageRef& ref,
                                      const image::PushOptions& options) -> Result<image::PushResult> {
                                       return TRY(RegistryModule::load())->push(store, engine, ref, options);
                                   },
                                   [](int file, int root, const std::string& folder) -> Result<bool> {
                                       return TRY(ArchiveModule::load())->unpack(file, root, folder);
                                   }};

Result<int> run_build(Context& context, BuildVerb& verb) {
    const auto form = verb.quiet ? BuildView::Form::none : BuildView::parse(verb.progress);
    if (!form) return error(Errc::invalid, "--progress: '{}' is none of auto, plain, tty, rawjson, quiet", verb.progress);
    if (verb.push && verb.names.empty()) return error(Errc::invalid, "--push: the image has no name (-t)");
    build::Options options = TRY(build_options(verb));
    std::vector<Output> outputs;
    for (const std::string& text : verb.outputs) outputs.push_back(TRY(parse_output(text)));
    // Only files are wanted: no image is made of them, unless it has a name.
    options.remember = !verb.names.empty() || outputs.empty() ||
                       std::ranges::any_of(outputs, [](const Output& one) { return one.type != "local" && one.type != "tar"; });
    auto* engine = TRY(context.engine());
    const auto* module = TRY(BuildModule::load());
    options.cancel = &stop_on_interrupt();
    if (verb.check || verb.call == "check" || verb.call == "lint") {
        const auto [text, count] = TRY(module->check(*engine, fetchers, options));
        if (count == 0) return print("Check complete, no warnings found.\n");
        TRY(print(
            fmt::format("{}Check complete, {} warning{} found!\n", text, count, count == 1 ? " has been" : "s have been")));
        return 1;
    }
    BuildView view(*form);
    options.events = [&](const build::Event& event) { view.show(event); };
    const auto outcome = TRY_CONTEXT(module->build(*engine, fetchers, options), "build");
    TRY(write_outputs(*engine, verb, outcome, outputs));
    for (const ImageRef& ref : options.names) {
        if (!verb.push) break;
        image::PushOptions how;
        ProgressView progress(verb.quiet);
        how.progress = progress.callback();
        how.cancel = options.cancel;
        TRY_CONTEXT(fetchers.push(*TRY(engine->images()), engine->config(), ref, how), "push '{}'", ref.familiar());
    }
    if (verb.quiet) return print(outcome.id.str() + "\n");
    return 0;
}

}  // namespace

void add_build_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.image, &parents.builder})
        add_verb(*parent, context, "build", "Build an image from a Dockerfile", declare_build, run_build);
}

}  // namespace gantry::cli
