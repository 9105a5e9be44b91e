#include "image/registry/push.hpp"

#include "image/byte_source.hpp"
#include "image/hasher.hpp"
#include "image/index.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/choose.hpp"
#include "image/registry/chunked_table.hpp"
#include "image/registry/push_layers.hpp"
#include "image/registry/push_manifest.hpp"

namespace gantry::image::registry {

namespace {

constexpr std::size_t mount_tries = 3;  // each costs a request; the newest are asked first

// The image that has the name, with the manifest that the name stands for: one configuration may have several.
struct PushSource {
    Image image;
    std::string text;
    Manifest manifest;
    ImageConfig config;
};

class Push {
public:
    Push(Store& store, const config::Engine& engine, const PushOptions& options, const Settings& settings, StopSign& stop)
        : store_(store), engine_(engine), options_(options), stop_(stop), client_(settings), reporter_(options.progress) {}

    Result<PushResult> run(const ImageRef& ref) {
        if (ref.digest) return error(Errc::invalid, "cannot push a digest reference");
        if (!options_.compression.empty()) encoding_ = TRY(parse_layer_encoding(options_.compression));
        // A level that there is not is told before anything is sent.
        const bool gzip = encoding_.value_or(LayerEncoding::gzip) == LayerEncoding::gzip;
        TRY(make_compressor(gzip ? Compression::gzip : Compression::zstd, options_.level, {}, 1));
        const ImageRef full = ref.normalized();
        const os::Fd held = TRY(store_.hold());
        Index index = TRY(read_index(store_.paths().images()));
        const PushSource source = TRY(find_source(index, full));
        const CredentialsFn credentials = [&] { return find_credentials(store_.paths(), full.domain, full.path); };
        const TlsFn tls = [&](const std::string& host) {
            const auto other = endpoint_of(store_.paths(), engine_, host);
            return other.ok() ? other->tls : Tls{};
        };
        Connection connection(client_, TRY(endpoint_of(store_.paths(), engine_, full.domain)), credentials, tls);
        Repository repository(connection, full.path, "pull,push");
        reporter_.line(fmt::format("The push refers to repository [{}]", full.repository()));
        const OutgoingManifest manifest = TRY(push_layers_of(index, source, full, repository));
        const Digest digest = digest_of(manifest.text);
        const bool nothing_new = TRY(push_config(source, repository)).how == Uploaded::How::existed;
        if (!nothing_new || !has_tag(repository, full.tag, digest))
            TRY(push_manifest(repository, full.tag, manifest.media_type, manifest.text));
        TRY(store_.add(source.image.manifest, std::nullopt, full.repository() + "@" + digest.str()));
        return PushResult{full.str(), digest, manifest.text.size()};
    }

private:
    Result<PushSource> find_source(Index& index, const ImageRef& full) {
        const IndexRecord* record = index.find_name(full.str());
        if (!record)
            return error(Errc::not_found, "an image does not exist locally with the tag: {}", full.familiar_repository());
        Image image = TRY(store_.find(full.str()));
        if (!is_index_type(record->media_type)) image.manifest = record->digest;
        if (is_index_type(record->media_type) && options_.platform) {
            const std::string list = TRY(store_.blob_text(record->digest));
            image.manifest = TRY(choose_manifest(list, *options_.platform, false)).digest;
        }
        std::string text = TRY(store_.blob_text(image.manifest));
        Manifest manifest = TRY(parse_manifest(text));
        image.id = manifest.config.digest;
        ImageConfig config = TRY(store_.config(image));
        if (options_.platform && !fits(config.platform, *options_.platform, false))
            return error(Errc::not_found, "the image is for platform '{}', not for '{}'", config.platform.str(),
                         options_.platform->str());
        if (manifest.layers.size() != config.diff_ids.size())
            return error(Errc::corrupt, "the manifest has {} layers, the image's configuration {}", manifest.layers.size(),
                         config.diff_ids.size());
        return PushSource{std::move(image), std::move(text), std::move(manifest), std::move(config)};
    }

    // How a layer must be compressed; nothing where its blob is good as it is.
    Result<std::optional<LayerEncoding>> encoding_for(const PushSource& source, std::size_t layer) {
        const Descriptor& blob = source.manifest.layers[layer];
        const os::Fd fd = TRY(store_.open_blob(blob.digest));
        FileSource file(fd.get(), blob.digest.str(), 0, blob.size);
        const std::string_view head = TRY(file.peek());
        const Compression now = compression_of(head);
        const LayerEncoding wanted = encoding_.value_or(LayerEncoding::gzip);
        if (now == Compression::none) return std::optional(wanted);
        if (!encoding_ || !options_.recompress) return std::optional<LayerEncoding>();
        const bool same = wanted == LayerEncoding::gzip   ? now == Compression::gzip
                          : wanted == LayerEncoding::zstd ? now == Compression::zstd
                                                          : is_chunked(blob);
        if (same) return std::optional<LayerEncoding>();
        return std::optional(wanted);
    }

    // Repositories of the same registry that a push or pull of ours has seen an image with this layer in.
    std::vector<std::string> mounts_for(const ImageRef& full, const Digest& blob) const {
        std::vector<std::string> found;
        for (const auto& [repository, blobs] : known_)
            if (repository != full.path && blobs.contains(blob) && found.size() < mount_tries) found.push_back(repository);
        return found;
    }

    void learn_repositories(const Index& index, const ImageRef& full) {
        for (const IndexRecord& record : index.records) {
            std::set<std::string> repositories;
            for (const std::string& name : record.digests) {
                const auto ref = ImageRef::parse(name);
                if (ref.ok() && ref->domain == full.domain && ref->path != full.path) repositories.insert(ref->path);
            }
            if (repositories.empty() || is_index_type(record.media_type)) continue;
            const auto text = store_.blob_text(record.digest);
            const auto manifest = text.ok() ? parse_manifest(*text) : Result<Manifest>(text.error());
            if (!manifest.ok()) continue;
            for (const std::string& repository : repositories)
                for (const Descriptor& layer : manifest->layers) known_[repository].insert(layer.digest);
        }
    }

    Result<OutgoingManifest> push_layers_of(const Index& index, const PushSource& source, const ImageRef& full,
                                            Repository& repository) {
        learn_repositories(index, full);
        std::vector<std::optional<ReplacedLayer>> replaced(source.manifest.layers.size());
        std::vector<std::optional<LayerEncoding>> encodings(replaced.size());
        std::vector<PushJob> jobs;
        std::vector<std::size_t> places;
        for (std::size_t at = 0; at < replaced.size(); ++at) {
            const Descriptor& blob = source.manifest.layers[at];
            if (is_foreign(blob.media_type) && !blob.urls.empty()) {
                reporter_.layer(short_digest(source.config.diff_ids[at]), "Skipped foreign layer");
                continue;
            }
            encodings[at] = TRY(encoding_for(source, at));
            const VariantRequest layer{blob, source.config.diff_ids[at], encodings[at].value_or(LayerEncoding::gzip),
                                       options_.level};
            jobs.push_back({layer, !encodings[at], mounts_for(full, blob.digest)});
            places.push_back(at);
        }
        const auto pushed = TRY(push_layers(store_, repository, jobs, engine_.push_jobs, reporter_, stop_));
        for (std::size_t at = 0; at < places.size(); ++at)
            if (const auto encoding = encodings[places[at]]) replaced[places[at]] = ReplacedLayer{pushed[at], *encoding};
        return replace_layers(source.text, replaced);
    }

    Result<Uploaded> push_config(const PushSource& source, Repository& repository) {
        const Descriptor& config = source.manifest.config;
        const os::Fd fd = TRY(store_.open_blob(config.digest));
        return push_blob(repository, {config.digest, config.size, fd.get()}, {});
    }

    Store& store_;
    const config::Engine& engine_;
    const PushOptions& options_;
    StopSign& stop_;
    HttpClient client_;
    Reporter reporter_;
    std::optional<LayerEncoding> encoding_;
    std::map<std::string, std::set<Digest>> known_;  // repository to layers
};

}  // namespace

Result<PushResult> push_with(Store& store, const config::Engine& engine, const ImageRef& ref, const PushOptions& options,
                             Settings settings) {
    StopSign stop{options.cancel};
    settings.cancelled = [&stop] { return stop.cancelled(); };
    return Push(store, engine, options, settings, stop).run(ref);
}

}  // namespace gantry::image::registry

namespace gantry::image {

Result<PushResult> push(Store& store, const config::Engine& engine, const ImageRef& ref, const PushOptions& options) {
    registry::Settings settings;
    settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
    return registry::push_with(store, engine, ref, options, settings);
}

}  // namespace gantry::image
