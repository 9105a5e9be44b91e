#include "upstream.hpp"

#include "image/ingest.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/blob_source.hpp"
#include "log.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace gantry::registry {

namespace client = image::registry;

namespace {

constexpr std::size_t fetches_at_once = 8, clients_kept = 64;

// What there is will do.
bool unreachable(Errc code) {
    return code == Errc::unavailable || code == Errc::timeout || code == Errc::io || code == Errc::denied;
}

}  // namespace

struct Upstream::Threads {
    boost::asio::thread_pool pool{fetches_at_once};
};

// One repository of one registry, with the token that it gave.
struct Upstream::Client {
    Client(std::shared_ptr<const Settings> from, client::Settings patience, const config::Paths& paths,
           client::Endpoint endpoint, const std::string& path)
        : settings(std::move(from)),
          http(std::move(patience)),
          connection(
              http, endpoint,
              [&paths, registry = endpoint.registry, path] { return client::find_credentials(paths, registry, path); },
              [this, &paths](const std::string& host) {
                  const auto other = client::endpoint_of(paths, settings->engine, host);
                  return other.ok() ? other->tls : client::Tls{};
              }),
          repository(connection, path) {}

    std::shared_ptr<const Settings> settings;
    client::HttpClient http;
    client::Connection connection;
    client::Repository repository;
};

Upstream::Upstream(const Library& library) : library_(library), threads_(std::make_unique<Threads>()) {}

Upstream::~Upstream() {
    stop();
    threads_->pool.join();
}

std::optional<std::string> Upstream::source(const config::RegistryServer& server, const image::RepositoryName& name) {
    std::optional<std::string> source;
    std::size_t longest = 0;
    for (const auto& [prefix, upstream] : server.upstreams) {
        const std::string folder = prefix == "*" ? "" : prefix + "/";
        if (!name.str().starts_with(folder) || (source && folder.size() < longest)) continue;
        longest = folder.size();
        source = upstream + "/" + name.str().substr(folder.size());
    }
    return source;
}

Result<std::shared_ptr<Upstream::Client>> Upstream::client(const std::shared_ptr<const Settings>& settings,
                                                           const image::RepositoryName& name) {
    const auto from = source(settings->server, name);
    if (!from) return error(Errc::internal, "'{}' has no upstream", name.str());
    const ImageRef ref = TRY(ImageRef::parse(*from)).normalized();
    const std::lock_guard lock(mutex_);
    if (settings_ != settings || (clients_.size() >= clients_kept && !clients_.contains(name.str()))) clients_.clear();
    settings_ = settings;
    auto& known = clients_[name.str()];
    if (known) return known;
    const config::Paths& paths = library_.store().paths();
    client::Endpoint endpoint = TRY(client::endpoint_of(paths, settings->engine, ref.domain));
    client::Settings patience;
    patience.stall_window = std::chrono::seconds(settings->engine.pull_stall_seconds);
    patience.retries = 2;  // whoever waits for us tries again too
    patience.cancelled = [this] { return stop_.load(); };
    known = std::make_shared<Client>(settings, patience, paths, std::move(endpoint), ref.path);
    return known;
}

Result<> Upstream::keep(const std::shared_ptr<Client>& client, const image::RepositoryName& name, const std::string& reference,
                        const std::optional<Digest>& digest) {
    const client::Document document = TRY(client->repository.manifest(digest ? digest->str() : reference, digest));
    const image::ManifestFacts facts = TRY(image::manifest_facts(document.text, document.media_type));
    return library_.pushed().change(name, [&](image::Repository& repository) -> Result<> {
        TRY(image::put_blob(library_.store(), document.digest, document.text));
        repository.put({document.digest, facts.media_type, document.text.size(), {}, facts.subject});
        if (image::is_tag(reference)) repository.tag(reference, document.digest);
        return {};
    });
}

Result<> Upstream::refresh(const std::shared_ptr<const Settings>& settings, const image::RepositoryName& name,
                           const std::string& reference) {
    const auto known = library_.find(settings->server, name, reference);
    const bool there = known && library_.store().has_blob(known->manifest.digest);
    auto digest = Digest::parse(reference);
    if (digest.ok() && there) return {};
    if (!digest.ok() && !image::is_tag(reference)) return {};
    const auto kept = [&]() -> Result<> {
        const auto client = TRY(this->client(settings, name));
        std::optional<Digest> now;
        if (digest.ok())
            now = *digest;
        else
            now = TRY(client->repository.head(reference));
        if (there && now && known->manifest.digest == *now) return {};
        if (now && !digest.ok()) {
            // Another tag of the repository, or an earlier one, may have been the same. (An image of the engine is not the
            // repository's to tag.)
            const auto same = library_.find(settings->server, name, now->str());
            if (same && same->pushed && library_.store().has_blob(*now))
                return library_.pushed().change(name, [&](image::Repository& repository) -> Result<> {
                    repository.tag(reference, *now);
                    return {};
                });
        }
        return keep(client, name, reference, now);
    }();
    if (kept.ok() || !there || !unreachable(kept.error().code())) return kept;
    warn("{} of '{}' may be old: {}", reference, name.str(), kept.error().message());
    return {};
}

Result<std::vector<std::string>> Upstream::tags(const std::shared_ptr<const Settings>& settings,
                                                const image::RepositoryName& name) {
    return TRY(client(settings, name))->repository.tags();
}

Result<std::shared_ptr<Incoming>> Upstream::fetch(const std::shared_ptr<const Settings>& settings,
                                                  const image::RepositoryName& name, const image::Descriptor& blob) {
    const auto from = TRY(client(settings, name));
    const std::lock_guard lock(mutex_);
    auto& slot = incoming_[blob.digest];
    if (slot && !slot->failed()) return slot;
    slot = std::make_shared<Incoming>(blob, TRY(image::PartialBlob::begin(library_.store())));
    boost::asio::post(threads_->pool, [this, from, name, incoming = slot] { run(from, name, incoming); });
    return slot;
}

void Upstream::run(const std::shared_ptr<Client>& client, const image::RepositoryName& name,
                   const std::shared_ptr<Incoming>& incoming) {
    const auto done = bring(*client, *incoming);
    if (!done.ok()) warn("blob '{}' of '{}': {}", incoming->descriptor.digest.str(), name.str(), done.error().message());
    incoming->failed_ = !done.ok();
    const std::lock_guard lock(mutex_);
    const auto mine = incoming_.find(incoming->descriptor.digest);
    if (mine != incoming_.end() && mine->second == incoming) incoming_.erase(mine);
}

Result<> Upstream::bring(Client& client, Incoming& incoming) {
    client::BlobTarget target;
    target.write = [&](std::string_view data) -> Result<> {
        TRY(incoming.blob_.write(data));
        incoming.received_.store(incoming.blob_.size(), std::memory_order_release);
        return {};
    };
    target.restart = [&]() -> Result<> {
        incoming.received_ = 0;
        return incoming.blob_.restart();
    };
    const client::BlobOutcome outcome = client::fetch_blob(client.repository, incoming.descriptor, target);
    if (outcome.error) return *outcome.error;
    const os::Fd held = TRY(library_.store().hold());
    return incoming.blob_.finish(incoming.descriptor.digest);
}

bool Upstream::busy() const {
    const std::lock_guard lock(mutex_);
    return !incoming_.empty();
}

}  // namespace gantry::registry
