#include "image/registry/policy/signatures.hpp"

#include "base/base64.hpp"
#include "image/json.hpp"
#include "os/file.hpp"

namespace gantry::image::registry {

namespace {

constexpr const char* cosign_layer = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr const char* cosign_annotation = "dev.cosignproject.cosign/signature";

// One document of a signature store; nothing where it is not there.
Result<std::optional<std::string>> get(HttpClient& client, const TlsFn& tls, const std::string& address) {
    Url url = TRY(parse_url(address));
    for (int hops = 0; hops <= client.settings().redirects; ++hops) {
        HttpRequest request{"GET", url.text};
        request.tls = tls(url.host);
        request.body_limit = signature_limit;
        HttpOutcome outcome = perform_with_retries(client, request);
        if (outcome.error) return outcome.error->context(fmt::format("signature '{}'", address));
        const long status = outcome.response.status;
        if (status == 200) return std::optional(std::move(outcome.response.body));
        if (status == 404 || status == 410) return std::optional<std::string>();
        const std::string location = outcome.response.header("location");
        if (status < 300 || status > 308 || location.empty())
            return error(status >= 500 || status == 429 ? Errc::unavailable : Errc::denied,
                         "signature '{}' is not given (HTTP {})", address, status);
        Url next = TRY_CONTEXT(resolve_url(url, location), "signature '{}'", address);
        if (url.scheme == "https" && next.scheme != "https")
            return error(Errc::denied, "signature '{}': redirect to '{}', which does not use TLS", address, next.origin());
        url = std::move(next);
    }
    return error(Errc::unavailable, "signature '{}': more than {} redirects", address, client.settings().redirects);
}

Result<std::optional<std::string>> read(const std::string& path) {
    auto text = os::read_file(path, signature_limit);
    if (text.ok()) return std::optional(std::move(*text));
    if (text.error().sys() == ENOENT || text.error().sys() == ENOTDIR) return std::optional<std::string>();
    return std::move(text).error();
}

Result<Signatures> from_store(HttpClient& client, const TlsFn& tls, std::string store, const ImageRef& image,
                              const Digest& manifest) {
    while (store.ends_with('/')) store.pop_back();
    static constexpr std::string_view local = "file://";
    const bool file = store.starts_with(local);
    Signatures found{{}, store};
    for (std::size_t number = 1; number <= signatures_limit; ++number) {
        const std::string address =
            fmt::format("{}/{}@{}={}/signature-{}", store, image.path, manifest.algorithm(), manifest.hex(), number);
        auto text = TRY(file ? read(address.substr(local.size())) : get(client, tls, address));
        if (!text) break;
        found.list.push_back({std::move(*text), {}});
    }
    return found;
}

// OpenShift's API: {"signatures": [{"schemaVersion": 2, "name": ..., "type": "atomic", "content": BASE64}]}.
Result<Signatures> from_extension(Repository& repository, const Digest& manifest) {
    const std::string& name = repository.connection().endpoint().registry;
    Signatures found{{}, fmt::format("registry '{}'", name)};
    const HttpOutcome outcome = repository.extension("signatures/" + manifest.str());
    if (outcome.error) return fault_error(outcome, repository.connection().endpoint());
    if (outcome.response.status == 404) return found;
    if (outcome.response.status != 200)
        return status_error(outcome.response, repository.connection().endpoint(), "list of signatures");
    const Json root = TRY_CONTEXT(detail::parse_object(outcome.response.body, "list of signatures"), "registry '{}'", name);
    const Json* list = TRY_CONTEXT(detail::array_member(root, "signatures", "list of signatures"), "registry '{}'", name);
    if (!list) return found;
    for (const Json& one : *list) {
        if (found.list.size() == signatures_limit) break;
        const bool atomic = one.is_object() && one.value("schemaVersion", Json()) == 2 && one.value("type", Json()) == "atomic";
        if (!atomic) continue;  // of a kind that is not ours
        auto content = base64_decode(TRY_CONTEXT(detail::string_member(one, "content", "signature"), "registry '{}'", name));
        if (!content) return error(Errc::invalid, "registry '{}': a signature is not base64", name);
        found.list.push_back({std::move(*content), {}});
    }
    return found;
}

}  // namespace

Result<Signatures> simple_signatures(Repository& repository, HttpClient& client, const TlsFn& tls, const Lookaside& lookaside,
                                     const ImageRef& image, const Digest& manifest) {
    if (TRY(repository.keeps_signatures())) return from_extension(repository, manifest);
    return from_store(client, tls, lookaside.store_of(image), image, manifest);
}

Result<Signatures> attached_signatures(Repository& repository, const Digest& manifest) {
    const std::string tag = fmt::format("{}-{}.sig", manifest.algorithm(), manifest.hex());
    Signatures found{{}, fmt::format("tag '{}' of registry '{}'", tag, repository.connection().endpoint().registry)};
    const auto document = repository.manifest(tag, std::nullopt);
    if (!document.ok() && document.error().code() == Errc::not_found) return found;
    if (!document.ok()) return document.error();
    const Json root = TRY(detail::parse_object(document->text, found.place));
    const Json* layers = TRY(detail::array_member(root, "layers", found.place));
    if (!layers) return found;
    for (const Json& layer : *layers) {
        if (found.list.size() == signatures_limit) break;
        if (!layer.is_object()) return error(Errc::invalid, "{}: a layer is not an object", found.place);
        if (TRY(detail::string_member(layer, "mediaType", found.place)) != cosign_layer) continue;
        const auto annotations = TRY(detail::map_member(layer, "annotations", found.place));
        const auto annotation = annotations.find(cosign_annotation);
        if (annotation == annotations.end()) continue;
        auto signature = base64_decode(annotation->second);
        const std::int64_t size = TRY(detail::integer_member(layer, "size", found.place));
        if (!signature || size <= 0) return error(Errc::invalid, "{}: a layer is no signature", found.place);
        const Digest digest = TRY(detail::digest_member(layer, "digest", found.place));
        const Descriptor blob{cosign_layer, digest, static_cast<std::uint64_t>(size), {}};
        found.list.push_back({TRY(repository.blob_text(blob)), std::move(*signature)});
    }
    return found;
}

}  // namespace gantry::image::registry
