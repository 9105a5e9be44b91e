#include "build/inputs.hpp"

#include "image/collect.hpp"
#include "image/image_text.hpp"
#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::build {

namespace {

// Docker's order: NAME.dockerignore beside a Dockerfile of that name, then the context's own.
Result<dockerfile::Patterns> read_ignore(const std::string& folder, const std::string& dockerfile) {
    const os::Fd root = TRY(os::open(folder, O_PATH | O_DIRECTORY));
    const auto parse = [](const Result<std::string>& text, const std::string& file) -> Result<dockerfile::Patterns> {
        return TRY_CONTEXT(dockerfile::Patterns::parse_ignore_file(TRY_CONTEXT(text, "'{}'", file)), "'{}'", file);
    };
    if (!dockerfile.empty())
        if (auto text = os::read_file(dockerfile + ".dockerignore", dockerfile::ignore_limit);
            text.ok() || text.error().code() != Errc::not_found)
            return parse(text, dockerfile + ".dockerignore");
    auto text = read_text_file(root.get(), ".dockerignore", dockerfile::ignore_limit);
    if (!text.ok() && text.error().sys() == ENOENT) return dockerfile::Patterns();
    return parse(text, ".dockerignore");
}

}  // namespace

Result<std::unique_ptr<Inputs::Context>> Inputs::open_folder(const std::string& path, const std::string& name) {
    auto context = std::make_unique<Context>();
    context->tree.root = TRY_CONTEXT(os::open(path, O_RDONLY | O_DIRECTORY), "{}", name);
    context->tree.name = name;
    context->path = path;
    const auto& paths = session_.engine.paths();
    // What was fetched for this build alone has new inodes each time.
    if (!path.starts_with(session_.scratch())) {
        context->digests = std::make_unique<FileDigests>(
            fmt::format("{}/build/digests/{}", paths.data, std::string(image::digest_of(path).hex())));
        context->tree.digests = context->digests.get();
    }
    return context;
}

Result<> Inputs::open_context(const ContextFolder& folder, const std::string& dockerfile) {
    if (folder.path.empty()) return {};
    main_ = TRY(open_folder(folder.path, "the build context"));
    main_->tree.ignore = TRY(read_ignore(folder.path, dockerfile));
    return {};
}

Result<> Inputs::open_named(const std::string& name, const std::string& source) {
    if (source.starts_with(image_scheme)) {
        named_images_[name] = source.substr(image_scheme.size());
        return {};
    }
    auto context = TRY(open_folder(source, fmt::format("build context '{}'", name)));
    context->tree.ignore = TRY(read_ignore(source, ""));
    named_[name] = std::move(context);
    return {};
}

std::set<std::string, std::less<>> Inputs::names() const {
    std::set<std::string, std::less<>> names;
    for (const auto& [name, context] : named_) names.insert(name);
    for (const auto& [name, reference] : named_images_) names.insert(name);
    return names;
}

Result<const StageState*> Inputs::stage(std::size_t index) {
    const Result<StageState>& state = stages_.at(index).get();
    // Its own thread has said why.
    if (!state.ok()) return error(Errc::cancelled, "a stage that it needs failed");
    return &state.value();
}

Result<StageState> Inputs::load_image(const std::string& reference, const std::optional<image::Platform>& platform) {
    Vertex vertex(session_.reporter, fmt::format("[internal] load image {}", reference));
    const auto load = [&]() -> Result<StageState> {
        image::Store& store = session_.store;
        auto found = store.find(reference);
        bool fits = found.ok();
        if (fits && platform) {
            const auto config = TRY(store.config(*found));
            fits =
                config.platform.architecture == platform->architecture && config.platform.os == platform->os &&
                (platform->variant.empty() || config.platform.variant.empty() || config.platform.variant == platform->variant);
        }
        const bool is_id = Digest::parse(reference).ok();  // of an OCI layout's image: no registry has it by that
        if (!fits || (session_.options.pull && !is_id)) {
            if (is_id) return error(Errc::not_found, "image '{}' is for another platform", reference);
            image::PullOptions options;
            options.platform = platform;
            options.cancel = session_.options.cancel;
            options.progress = [&](const image::Progress& progress) {
                vertex.status(progress.layer.empty() ? progress.status : progress.layer + ": " + progress.status,
                              progress.current, progress.total);
            };
            auto pulled = session_.fetchers.pull(store, session_.engine.config(), TRY(ImageRef::parse(reference)), options);
            if (!pulled.ok()) return std::move(pulled).error();
            found = std::move(pulled->image);
        }
        image::mark_used(store, *found);
        const image::Manifest manifest = TRY(store.manifest(*found));
        return StageState{TRY(store.config(*found)), manifest.layers, image::digest_of("image " + found->id.str())};
    };
    auto state = load();
    vertex.end(state);
    return state;
}

const std::string& Inputs::meant(const std::string& reference) const {
    const auto named = named_images_.find(reference);
    return named == named_images_.end() ? reference : named->second;
}

Inputs::Image& Inputs::slot(const std::string& reference, const std::optional<image::Platform>& platform) {
    const std::lock_guard lock(mutex_);
    auto& slot = images_[meant(reference) + " " + (platform ? platform->str() : "")];
    if (!slot) slot = std::make_unique<Image>();
    return *slot;
}

Result<const StageState*> Inputs::image(const std::string& reference, const std::optional<image::Platform>& platform) {
    Image& image = slot(reference, platform);
    std::call_once(image.once, [&] { image.state.emplace(load_image(meant(reference), platform)); });
    if (!image.state->ok()) return image.state->error();
    return &image.state->value();
}

std::optional<image::ImageConfig> Inputs::find_image(const std::string& reference,
                                                     const std::optional<image::Platform>& platform) {
    if (const auto& state = slot(reference, platform).state; state && state->ok()) return state->value().config;
    auto image = session_.store.find(meant(reference));
    if (!image.ok()) return std::nullopt;
    auto config = session_.store.config(*image);
    if (!config.ok()) return std::nullopt;
    config->platform = {"", "", ""};
    return std::move(config).value();
}

Result<const Tree*> Inputs::tree_of(const StageState& state, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& slot = trees_[state.key.str()];
    if (!slot) slot = std::make_unique<Tree>(TRY(session_.mount(state.config, name)));
    return slot.get();
}

Result<Inputs::Input> Inputs::from(const std::string& text, std::size_t index) {
    if (text.empty()) {
        if (!main_) return error(Errc::not_found, "there is no build context: only a Dockerfile was given");
        return Input{&main_->tree, main_->path, nullptr};
    }
    const dockerfile::Source source = TRY(dockerfile::resolve_source(*file_, *plan_, index, text));
    if (source.kind == dockerfile::Source::Kind::context)
        if (const auto named = named_.find(source.name); named != named_.end())
            return Input{&named->second->tree, named->second->path, nullptr};
    const StageState* state = source.kind == dockerfile::Source::Kind::stage
                                  ? TRY(stage(source.stage))
                                  : TRY(image(source.name, session_.options.platform));
    return Input{nullptr, "", state};
}

Result<std::vector<Source>> Inputs::sources(const Input& input, const std::vector<std::string>& words,
                                            const dockerfile::Patterns& exclude) {
    const Tree* tree = input.tree;
    if (!tree) tree = TRY(tree_of(*input.state, "the image"));
    std::vector<Source> found;
    for (const std::string& word : words)
        for (Source& source : TRY(find_sources(*tree, word, exclude))) found.push_back(std::move(source));
    return found;
}

Result<Digest> Inputs::digest(const Input& input, const std::vector<std::string>& words, const dockerfile::Patterns& exclude,
                              std::string_view exclude_text) {
    if (input.tree) return digest_of_sources(TRY(sources(input, words, exclude)));
    std::string asked = fmt::format("files of {}\n", exclude_text);
    for (const Digest& layer : input.state->config.diff_ids) asked += layer.str() + "\n";
    for (const std::string& word : words) asked += fmt::format("{}:{}", word.size(), word);
    const Digest key = image::digest_of(asked);
    if (auto known = session_.cache.fact(key)) return *known;
    const Digest digest = TRY(digest_of_sources(TRY(sources(input, words, exclude))));
    TRY(session_.cache.put_fact(key, digest));
    return digest;
}

Result<> Inputs::save() {
    if (main_ && main_->digests) TRY(main_->digests->save());
    for (const auto& [name, context] : named_)
        if (context->digests) TRY(context->digests->save());
    return {};
}

}  // namespace gantry::build
