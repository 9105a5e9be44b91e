// push.
#include "cli/interrupt.hpp"
#include "cli/modules/module.hpp"
#include "cli/progress.hpp"
#include "cli/verbs/verbs.hpp"
#include "image/transfer.hpp"

namespace gantry::cli {

namespace {

struct PushVerb {
    std::vector<std::string> references;
    std::string platform, compression, digest_file;
    int level = 0;
    bool all_tags = false, quiet = false, content_trust = false, recompress = true;
};

void declare_push(Verb& verb, PushVerb& options) {
    verb.add_option("REF", options.references, "NAME[:TAG]").required();
    verb.add_flag("-a,--all-tags", options.all_tags, "every tag that the repository has here");
    verb.add_option("--compression", options.compression, "of the layers: gzip, zstd or zstd:chunked")
        .value("FORMAT")
        .one_of({"gzip", "zstd", "zstd:chunked"});
    verb.add_option("--compression-level", options.level, "gzip 1 to 12, zstd 1 to 22").value("LEVEL");
    verb.add_option("--digestfile", options.digest_file, "write the digest of what was pushed to a file").value("FILE");
    verb.add_flag("--disable-content-trust", options.content_trust, "accepted: it is the default").hidden();
    verb.add_flag("--force-compression", options.recompress,
                  "with --compression: layers that are compressed otherwise too (the default; =false leaves them)");
    verb.add_option("--platform", options.platform, "what the image must be for").value("OS/ARCH[/VARIANT]");
    verb.add_flag("-q,--quiet", options.quiet, "only the names of what was pushed");
}

// Docker's order of the tags: by name.
Result<std::vector<std::string>> local_tags(image::Store& store, const ImageRef& ref) {
    if (!ref.tag.empty() || ref.digest) return error(Errc::invalid, "tag can't be used with --all-tags/-a");
    const std::string prefix = ref.normalized().repository() + ":";
    std::vector<std::string> names;
    for (const image::Image& image : TRY(store.list()))
        for (const std::string& name : image.names)
            if (name.starts_with(prefix)) names.push_back(name);
    if (names.empty())
        return error(Errc::not_found, "an image does not exist locally with the tag: {}",
                     ref.normalized().familiar_repository());
    std::ranges::sort(names);
    return names;
}

Result<> push_one(container::Engine& engine, const std::string& reference, const PushVerb& options) {
    const ImageRef ref = TRY(ImageRef::parse(reference));
    image::PushOptions wanted;
    if (!options.platform.empty()) wanted.platform = TRY_CONTEXT(image::Platform::parse(options.platform), "--platform");
    wanted.compression = options.compression;
    wanted.level = options.level;
    wanted.recompress = options.recompress;
    ProgressView view(options.quiet);
    wanted.progress = view.callback();
    wanted.cancel = &stop_on_interrupt();
    auto* store = TRY(engine.images());
    const auto pushed = TRY(TRY(RegistryModule::load())->push(*store, engine.config(), ref, wanted));
    if (!options.digest_file.empty()) TRY(os::write_file_atomic(options.digest_file, pushed.digest.str(), 0644, false));
    const std::string line = fmt::format("{}: digest: {} size: {}", ref.normalized().tag, pushed.digest.str(), pushed.size);
    TRY(print((options.quiet ? pushed.name : line) + "\n"));
    return {};
}

Result<> push_all_tags(container::Engine& engine, const std::string& reference, const PushVerb& options) {
    const ImageRef ref = TRY(ImageRef::parse(reference));
    auto* store = TRY(engine.images());
    Result<> first;
    for (const std::string& name : TRY(local_tags(*store, ref))) {
        auto pushed = push_one(engine, name, options);
        if (!pushed.ok() && pushed.error().code() == Errc::cancelled) return pushed;
        if (!pushed.ok() && first.ok()) first = std::move(pushed);
    }
    return first;
}

Result<int> run_push(Context& context, PushVerb& options) {
    if (!options.digest_file.empty() && (options.all_tags || options.references.size() > 1))
        return error(Errc::invalid, "--digestfile is for one image");
    if (options.level != 0 && options.level < 1) return error(Errc::invalid, "--compression-level: less than 1");
    auto* engine = TRY(context.engine());
    return for_each_object(options.references, [&](const std::string& reference) -> Result<> {
        if (options.all_tags) return push_all_tags(*engine, reference, options).context(fmt::format("push '{}'", reference));
        const ImageRef ref = TRY(ImageRef::parse(reference));
        if (!options.quiet && ref.tag.empty() && !ref.digest) TRY(print("Using default tag: latest\n"));
        return push_one(*engine, reference, options).context(fmt::format("push '{}'", reference));
    });
}

}  // namespace

void add_push_verb(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.image})
        add_verb(*parent, context, "push", "Push images to a registry", declare_push, run_push);
}

}  // namespace gantry::cli
