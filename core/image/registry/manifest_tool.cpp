#include "image/registry/manifest_tool.hpp"

#include "image/hasher.hpp"
#include "image/json.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/blob_source.hpp"
#include "image/registry/blob_upload.hpp"
#include "image/registry/choose.hpp"
#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::image::registry {

namespace {

// One registry, spoken to with the credentials for one repository.
class Remote {
public:
    static Result<std::unique_ptr<Remote>> open(const config::Paths& paths, const config::Engine& engine, const ImageRef& full,
                                                const RemoteOptions& options) {
        config::Engine changed = engine;
        if (options.insecure) changed.registries[full.domain].insecure = true;
        Endpoint endpoint = TRY(endpoint_of(paths, changed, full.domain));
        endpoint.tls.unchecked = endpoint.tls.unchecked || options.insecure;
        Settings settings;
        settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
        settings.cancelled = [cancel = options.cancel] { return cancel && *cancel; };
        return std::unique_ptr<Remote>(new Remote(paths, std::move(changed), full, std::move(endpoint), std::move(settings)));
    }
    Connection& connection() { return connection_; }

private:
    Remote(const config::Paths& paths, config::Engine engine, const ImageRef& full, Endpoint endpoint, Settings settings)
        : engine_(std::move(engine)),
          client_(std::move(settings)),
          connection_(
              client_, std::move(endpoint),
              [&paths, registry = full.domain, path = full.path] { return find_credentials(paths, registry, path); },
              [this, &paths](const std::string& host) {
                  const auto other = endpoint_of(paths, engine_, host);
                  return other.ok() ? other->tls : Tls{};
              }) {}

    config::Engine engine_;
    HttpClient client_;
    Connection connection_;
};

Result<ListPlatform> platform_of(std::string_view config) {
    constexpr const char* what = "image configuration";
    const Json root = TRY(detail::parse_object(config, what));
    ListPlatform platform;
    platform.os = TRY(detail::string_member(root, "os", what));
    platform.architecture = TRY(detail::string_member(root, "architecture", what));
    platform.variant = TRY(detail::string_member(root, "variant", what));
    platform.os_version = TRY(detail::string_member(root, "os.version", what));
    platform.os_features = TRY(detail::strings_member(root, "os.features", what));
    return platform;
}

// From repository to repository of one registry that does not mount.
Result<> copy_blob(const config::Paths& paths, Repository& from, Repository& to, const Descriptor& blob) {
    const os::Fd file = TRY(os::open(paths.data, O_TMPFILE | O_RDWR, 0600));
    BlobTarget target;
    target.write = [&](std::string_view data) { return os::write_all(file.get(), data, blob.digest.str()); };
    target.restart = [&]() -> Result<> {
        if (ftruncate(file.get(), 0) != 0 || lseek(file.get(), 0, SEEK_SET) != 0) return errno_error("start over");
        return {};
    };
    if (const BlobOutcome outcome = fetch_blob(from, blob, target); outcome.error) return *outcome.error;
    TRY(push_blob(to, {blob.digest, blob.size, file.get()}, {}));
    return {};
}

Result<> bring_manifest(const config::Paths& paths, Repository& from, Repository& to, const Descriptor& wanted) {
    const Document document = TRY(from.manifest(wanted.digest.str(), wanted.digest));
    const Manifest manifest = TRY(parse_manifest(document.text));
    std::vector<Descriptor> blobs = manifest.layers;
    blobs.push_back(manifest.config);
    for (const Descriptor& blob : blobs) {
        if (is_foreign(blob.media_type) && !blob.urls.empty()) continue;
        if (!TRY(mount_blob(to, blob.digest, from.path()))) TRY(copy_blob(paths, from, to, blob));
    }
    return push_manifest(to, wanted.digest.str(), document.media_type, document.text);
}

}  // namespace

}  // namespace gantry::image::registry

namespace gantry::image {

using namespace registry;

Result<RemoteManifest> fetch_manifest(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                      const RemoteOptions& options) {
    const ImageRef full = ref.normalized();
    const auto remote = TRY(Remote::open(paths, engine, full, options));
    Repository repository(remote->connection(), full.path);
    const Document document = TRY(repository.manifest(full.digest ? full.digest->str() : full.tag, full.digest));
    RemoteManifest found{document.text, document.media_type, document.digest, std::nullopt};
    if (is_index_type(document.media_type)) return found;
    const Manifest manifest = TRY(parse_manifest(document.text));
    found.platform = TRY(platform_of(TRY(repository.blob_text(manifest.config))));
    return found;
}

Result<PushedList> push_manifest_list(const config::Paths& paths, const config::Engine& engine, const ManifestList& list,
                                      const RemoteOptions& options) {
    const ImageRef target = TRY(ImageRef::parse(list.name));
    std::vector<ImageRef> sources;
    for (const ListEntry& entry : list.entries) {
        sources.push_back(TRY(ImageRef::parse(entry.reference)));
        if (sources.back().domain != target.domain)
            return error(Errc::invalid, "'{}' is in another registry than '{}'", entry.reference, list.name);
        if (entry.platform.os.empty() || entry.platform.architecture.empty())
            return error(Errc::invalid, "the entry '{}' has no os or architecture; see annotate", entry.reference);
    }
    const auto remote = TRY(Remote::open(paths, engine, target, options));
    Repository to(remote->connection(), target.path, "pull,push");
    PushedList pushed{digest_of(""), {}};
    for (std::size_t at = 0; at < sources.size(); ++at) {
        const Descriptor& wanted = list.entries[at].descriptor;
        if (TRY(has_manifest(to, wanted.digest))) continue;
        const auto other = TRY(Remote::open(paths, engine, sources[at], options));
        Repository from(other->connection(), sources[at].path);
        TRY_CONTEXT(bring_manifest(paths, from, to, wanted), "'{}'", list.entries[at].reference);
        pushed.manifests.push_back(target.repository() + "@" + wanted.digest.str());
    }
    const IndexDocument index = index_of(list);
    TRY(push_manifest(to, target.tag, index.media_type, index.text));
    pushed.digest = digest_of(index.text);
    return pushed;
}

}  // namespace gantry::image
