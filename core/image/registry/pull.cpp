#include "image/registry/pull.hpp"

#include "image/ingest.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/choose.hpp"
#include "image/registry/policy/policy_check.hpp"
#include "image/registry/pull_layers.hpp"
#include "image/registry/short_names.hpp"

namespace gantry::image::registry {

namespace {

// A name that another registry of the search list may know. A registry that cannot be reached is not passed over: it might
// know.
bool next_registry_helps(Errc code) { return code == Errc::not_found || code == Errc::denied; }

// Where one reference may come from, mirrors first; connections are made (and credentials asked for) as they are used.
struct Source {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<Repository> repository;
};

class Pull {
public:
    Pull(Store& store, const config::Engine& engine, const PullOptions& options, const Settings& settings, StopSign& stop)
        : store_(store),
          engine_(engine),
          stop_(stop),
          client_(settings),
          reporter_(options.progress),
          wanted_(options.platform.value_or(Platform::host())),
          explicit_(options.platform.has_value()) {}

    Result<PullResult> run(const ImageRef& ref) {
        const std::vector<ImageRef> list = TRY(candidates(engine_, ref));
        policy_.emplace(
            TRY(PolicyCheck::load(store_.paths(), client_, [this](const std::string& host) { return tls_of(host); })));
        std::optional<Error> first;
        for (const ImageRef& full : list) {
            auto pulled = from_registry(full);
            if (pulled.ok()) return pulled;
            Error failure = std::move(pulled).error();
            if (list.size() == 1 || refused_ || !next_registry_helps(failure.code())) return failure;
            if (!first) first = std::move(failure);
        }
        return error(first->code(), "'{}' is in none of the {} registries to search: {}", ref.str(), list.size(),
                     first->message());
    }

private:
    Tls tls_of(const std::string& host) {
        const auto other = endpoint_of(store_.paths(), engine_, host);
        return other.ok() ? other->tls : Tls{};
    }

    // What the policy refuses, no other registry is asked for.
    Result<> allowed(Result<> verdict) {
        refused_ = !verdict.ok();
        return verdict;
    }

    Result<std::vector<Source>> sources(const ImageRef& full) {
        std::vector<Source> list;
        for (Endpoint& endpoint : TRY(endpoints_of(store_.paths(), engine_, full.domain))) {
            const CredentialsFn credentials = [this, registry = endpoint.registry, path = endpoint.prefix + full.path] {
                return find_credentials(store_.paths(), registry, path);
            };
            const TlsFn tls = [this](const std::string& host) { return tls_of(host); };
            auto connection = std::make_unique<Connection>(client_, std::move(endpoint), credentials, tls);
            auto repository = std::make_unique<Repository>(*connection, full.path);
            list.push_back({std::move(connection), std::move(repository)});
        }
        return list;
    }

    Result<PullResult> from_registry(const ImageRef& full) {
        TRY(allowed(policy_->admits(full)));
        std::vector<Source> list = TRY(sources(full));
        // Before we look at what is there: nothing of it may be pruned meanwhile.
        const os::Fd held = TRY(store_.hold());
        reporter_.line(fmt::format("{}: Pulling from {}", full.digest ? full.digest->str() : full.tag,
                                   full.domain == "docker.io" ? full.path : full.repository()));
        std::optional<Error> mirrors;
        while (true) {
            auto pulled = from_source(full, list);
            if (pulled.ok()) return pulled;
            Error failure = std::move(pulled).error();
            if (list.size() == 1 || stop_.cancelled() || failure.code() == Errc::cancelled ||
                failure.code() == Errc::no_space) {
                if (stop_.cancelled()) return error(Errc::cancelled, "cancelled");
                if (!mirrors) return failure;
                return error(failure.code(), "{} (a mirror failed too: {})", failure.message(), mirrors->message());
            }
            if (!mirrors) mirrors = std::move(failure);
            list.erase(list.begin());
        }
    }

    // Of the first of the list; blobs that it lacks come from the others.
    Result<PullResult> from_source(const ImageRef& full, const std::vector<Source>& list) {
        Repository& repository = *list.front().repository;
        std::optional<Digest> digest = full.digest;
        if (!digest) digest = TRY(repository.head(full.tag));
        if (digest)
            if (auto known = TRY(already_there(full, *digest, repository))) return std::move(*known);

        Document top = TRY(repository.manifest(digest ? digest->str() : full.tag, digest));
        Document document = top;
        if (is_index_type(top.media_type)) document = TRY(of_platform(repository, top));
        // Of an index only the image that is taken counts, as in containers/image.
        TRY(allowed(policy_->check(full, document.text, repository)));
        Manifest manifest = TRY(parse_manifest(document.text));
        TRY(check_manifest(manifest));
        const ImageConfig config = TRY(fetch_config(list, manifest));
        TRY(check_config(manifest, config));
        TRY(fetch_layers(full.repository(), list, manifest, config));
        TRY(put_blob(store_, document.digest, document.text));
        return finish(full, top.digest, document.digest, false);
    }

    // Is what the name points at here, whole, and for this platform?
    Result<std::optional<PullResult>> already_there(const ImageRef& full, const Digest& digest, Repository& repository) {
        const auto image = store_.find(full.repository() + "@" + digest.str());
        if (!image.ok()) return std::optional<PullResult>();
        const auto config = store_.config(*image);
        if (!config.ok()) return std::optional<PullResult>();
        const bool only_one = image->manifest == digest && !explicit_;
        if (!only_one && !same_platform(config->platform, wanted_)) return std::optional<PullResult>();
        // It may have come when the policy was another one, or by another name.
        if (policy_->wants_signatures(full)) {
            const auto manifest = store_.blob_text(image->manifest);
            if (!manifest.ok()) return std::optional<PullResult>();
            TRY(allowed(policy_->check(full, *manifest, repository)));
        }
        ImageRef plain = full;
        plain.digest.reset();
        const bool named = full.digest || std::ranges::find(image->names, plain.str()) != image->names.end();
        auto done = finish(full, digest, image->manifest, named);
        if (!done.ok()) return std::optional<PullResult>();  // something of it is missing: fetch that
        return std::optional(std::move(*done));
    }

    Result<Document> of_platform(Repository& repository, const Document& index) {
        const Descriptor chosen = TRY(choose_manifest(index.text, wanted_, !explicit_));
        if (chosen.size > manifest_limit)
            return error(Errc::invalid, "manifest '{}' is larger than {} bytes", chosen.digest.str(), manifest_limit);
        Document document = TRY(repository.manifest(chosen.digest.str(), chosen.digest));
        if (is_index_type(document.media_type))
            return error(Errc::unsupported, "the index' entry '{}' is an index again", chosen.digest.str());
        return document;
    }

    Result<ImageConfig> fetch_config(const std::vector<Source>& list, const Manifest& manifest) {
        if (store_.has_blob(manifest.config.digest))
            if (const auto text = store_.blob_text(manifest.config.digest); text.ok())
                if (auto config = parse_image_config(*text); config.ok()) return config;
        std::optional<Error> last;
        for (const Source& source : list) {
            auto text = source.repository->blob_text(manifest.config);
            if (text.ok()) {
                ImageConfig config = TRY(parse_image_config(*text));
                TRY(put_blob(store_, manifest.config.digest, *text));
                return config;
            }
            last = std::move(text).error();
            if (stop_.cancelled()) break;
        }
        return std::move(*last);
    }

    Result<> check_config(const Manifest& manifest, const ImageConfig& config) {
        if (manifest.layers.size() != config.diff_ids.size())
            return error(Errc::invalid, "the manifest has {} layers, the image's configuration {}", manifest.layers.size(),
                         config.diff_ids.size());
        if (explicit_ && !fits(config.platform, wanted_, false))
            return error(Errc::not_found, "the image is for platform '{}', not for '{}'", config.platform.str(), wanted_.str());
        return {};
    }

    Result<> fetch_layers(const std::string& repository, const std::vector<Source>& list, const Manifest& manifest,
                          const ImageConfig& config) {
        const std::vector<driver::LayerKey> keys = store_.layer_keys(config);
        std::vector<LayerJob> jobs;
        for (std::size_t at = 0; at < manifest.layers.size(); ++at)
            jobs.push_back({manifest.layers[at], config.diff_ids[at], keys[at], at == 0 ? "" : keys[at - 1]});
        std::vector<Repository*> repositories;
        for (const Source& source : list) repositories.push_back(source.repository.get());
        return pull_layers(store_, repository, repositories, jobs, engine_.pull_jobs, reporter_, stop_);
    }

    Result<PullResult> finish(const ImageRef& full, const Digest& pointed_at, const Digest& manifest, bool up_to_date) {
        std::optional<ImageRef> name;
        if (!full.digest) name = full;
        Image image = TRY(store_.add(manifest, name, full.repository() + "@" + pointed_at.str()));
        return PullResult{std::move(image), full.str(), pointed_at, up_to_date};
    }

    Store& store_;
    const config::Engine& engine_;
    StopSign& stop_;
    HttpClient client_;
    std::optional<PolicyCheck> policy_;
    bool refused_ = false;
    Reporter reporter_;
    Platform wanted_;
    bool explicit_;
};

}  // namespace

Result<PullResult> pull_with(Store& store, const config::Engine& engine, const ImageRef& ref, const PullOptions& options,
                             Settings settings) {
    StopSign stop{options.cancel};
    settings.cancelled = [&stop] { return stop.cancelled(); };
    return Pull(store, engine, options, settings, stop).run(ref);
}

}  // namespace gantry::image::registry

namespace gantry::image {

Result<PullResult> pull(Store& store, const config::Engine& engine, const ImageRef& ref, const PullOptions& options) {
    registry::Settings settings;
    settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
    return registry::pull_with(store, engine, ref, options, settings);
}

}  // namespace gantry::image
