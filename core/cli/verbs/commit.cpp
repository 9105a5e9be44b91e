// commit, import.
#include "cli/interrupt.hpp"
#include "cli/modules/module.hpp"
#include "cli/progress.hpp"
#include "cli/verbs/verbs.hpp"
#include "image/byte_source.hpp"
#include "os/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

namespace gantry::cli {

namespace {

// REPOSITORY[:TAG]; nothing for none.
Result<std::optional<ImageRef>> image_name(const std::string& text) {
    if (text.empty()) return std::optional<ImageRef>();
    const ImageRef ref = TRY(ImageRef::parse(text));
    if (ref.digest) return error(Errc::invalid, "'{}' has a digest: an image cannot be given one", text);
    return std::optional(ref.normalized());
}

struct CommitVerb {
    std::string container, name, author, message;
    std::vector<std::string> changes;
    bool pause = true;
};

void declare_commit(Verb& verb, CommitVerb& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("REPOSITORY", options.name, "the image's name, REPOSITORY[:TAG]");
    verb.add_option("-a,--author", options.author, "\"Name <address>\"").value("AUTHOR");
    verb.add_option("-c,--change", options.changes, "apply a Dockerfile instruction to the image's configuration")
        .value("INSTRUCTION");
    verb.add_option("-m,--message", options.message, "kept in the image's history").value("TEXT");
    verb.add_flag("-p,--pause,!--no-pause", options.pause, "pause the container while its files are read (the default)");
}

Result<int> run_commit(Context& context, CommitVerb& options) {
    container::CommitOptions how;
    how.name = TRY(image_name(options.name));
    how.author = options.author;
    how.message = options.message;
    how.changes = options.changes;
    how.pause = options.pause;
    how.cancel = &stop_on_interrupt();
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    const image::Image image = TRY(engine->commit(container, how));
    return print(image.id.str() + "\n");
}

struct ImportVerb {
    std::string source, name, message, platform;
    std::vector<std::string> changes;
};

void declare_import(Verb& verb, ImportVerb& options) {
    verb.add_option("SOURCE", options.source, "a tar archive: a file, an http(s) address or - (standard input)").required();
    verb.add_option("REPOSITORY", options.name, "the image's name, REPOSITORY[:TAG]");
    verb.add_option("-c,--change", options.changes, "apply a Dockerfile instruction to the image's configuration")
        .value("INSTRUCTION");
    verb.add_option("-m,--message", options.message, "kept in the image's history").value("TEXT");
    verb.add_option("--platform", options.platform, "of the image's programs, this host's if absent")
        .value("OS/ARCH[/VARIANT]");
}

// Runs beside the import, which reads the other end of a pipe.
class Downloading {
public:
    static Result<std::unique_ptr<Downloading>> begin(container::Engine& engine, const std::string& url,
                                                      const std::atomic<bool>& interrupted) {
        const auto* registry = TRY(RegistryModule::load());
        os::Pipe pipe = TRY(os::make_pipe());
        std::unique_ptr<Downloading> made(new Downloading(std::move(pipe.read), std::move(pipe.write)));
        made->thread_ = std::thread(
            [self = made.get(), registry, &engine, url, &interrupted] { self->run(*registry, engine, url, interrupted); });
        return made;
    }
    ~Downloading() {
        read_end_.reset();
        if (thread_.joinable()) thread_.join();
    }

    // An archive that ends because the download failed has not ended.
    image::FunctionSource source() {
        return image::FunctionSource([this](char* buffer, std::size_t size) -> Result<std::size_t> {
            ssize_t got = 0;
            do got = read(read_end_.get(), buffer, size);
            while (got < 0 && errno == EINTR);
            if (got < 0) return errno_error("read a pipe");
            if (got == 0) {
                if (thread_.joinable()) thread_.join();
                TRY(outcome_);
            }
            return static_cast<std::size_t>(got);
        });
    }

private:
    Downloading(os::Fd read_end, os::Fd write_end) : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}

    void run(const RegistryModule& registry, container::Engine& engine, const std::string& url,
             const std::atomic<bool>& interrupted) {
        image::DownloadOptions how;
        how.cancel = &interrupted;
        how.progress = [this](std::uint64_t done, std::uint64_t total) { view_.show({"import", "Downloading", done, total}); };
        const auto done = registry.download(
            engine.paths(), engine.config(), url,
            [this](std::string_view piece) { return os::write_all(write_end_.get(), piece, "a pipe"); }, how);
        if (!done.ok()) outcome_ = done.error();
        write_end_.reset();
    }

    ProgressView view_{false};
    os::Fd read_end_, write_end_;
    Result<> outcome_;
    std::thread thread_;
};

Result<image::Image> import_source(container::Engine& engine, const std::string& source, const container::ImportOptions& how) {
    if (source.starts_with("http://") || source.starts_with("https://")) {
        const auto download = TRY(Downloading::begin(engine, source, *how.cancel));
        auto bytes = download->source();
        return engine.import_image(bytes, how);
    }
    if (source == "-") {
        if (isatty(STDIN_FILENO)) return error(Errc::invalid, "standard input is a terminal: use a pipe or name a file");
        auto bytes = image::descriptor_source(STDIN_FILENO, "standard input", how.cancel);
        return engine.import_image(bytes, how);
    }
    const os::Fd file = TRY(os::open(source, O_RDONLY));
    auto bytes = image::descriptor_source(file.get(), source, how.cancel);
    return engine.import_image(bytes, how);
}

Result<int> run_import(Context& context, ImportVerb& options) {
    signal(SIGPIPE, SIG_IGN);  // an import that fails leaves its download alone with the pipe
    container::ImportOptions how;
    how.name = TRY(image_name(options.name));
    how.message = options.message.empty() ? "Imported from " + options.source : options.message;
    how.changes = options.changes;
    if (!options.platform.empty()) how.platform = TRY_CONTEXT(image::Platform::parse(options.platform), "--platform");
    how.cancel = &stop_on_interrupt();
    auto* engine = TRY(context.engine());
    const image::Image image = TRY_CONTEXT(import_source(*engine, options.source, how), "import '{}'", options.source);
    return print(image.id.str() + "\n");
}

}  // namespace

void add_commit_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container})
        add_verb(*parent, context, "commit", "Make an image of a container", declare_commit, run_commit);
    for (Verb* parent : {&parents.top, &parents.image})
        add_verb(*parent, context, "import", "Make an image of a tar archive's files", declare_import, run_import);
}

}  // namespace gantry::cli
