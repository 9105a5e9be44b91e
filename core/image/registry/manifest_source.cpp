#include "image/registry/manifest_source.hpp"

#include "image/hasher.hpp"
#include "image/json.hpp"
#include "image/registry/choose.hpp"

namespace gantry::image::registry {

Repository::Repository(Connection& connection, std::string path, std::string_view actions)
    : connection_(connection),
      path_(connection.endpoint().prefix + std::move(path)),
      scope_(fmt::format("repository:{}:{}", path_, actions)) {}

Error fault_error(const HttpOutcome& outcome, const Endpoint& endpoint) {
    const Error& cause = *outcome.error;
    return cause.message().starts_with("registry '") ? cause : cause.context(fmt::format("registry '{}'", endpoint.registry));
}

HttpOutcome Repository::ask(const ApiRequest& request) {
    Retry retry(connection_.settings(), connection_.settings().connect_retries);
    while (true) {
        HttpOutcome outcome = connection_.perform(request);
        if (!retry.again(outcome)) {
            if (connection_.settings().cancelled()) return {{}, Fault::cancelled, error(Errc::cancelled, "cancelled")};
            return outcome;
        }
    }
}

HttpOutcome Repository::ask_manifest(const char* method, const std::string& reference) {
    ApiRequest request{method, path_ + "/manifests/" + reference, scope_};
    request.headers.push_back(fmt::format("Accept: {}", manifest_accept));
    return ask(request);
}

Result<std::optional<Digest>> Repository::head(const std::string& tag) {
    const HttpOutcome outcome = ask_manifest("HEAD", tag);
    if (outcome.error) return fault_error(outcome, connection_.endpoint());
    if (outcome.response.status != 200) return std::optional<Digest>();  // the answer to GET has a body that says why
    auto digest = Digest::parse(outcome.response.header("docker-content-digest"));
    if (!digest.ok()) return std::optional<Digest>();
    return std::optional(std::move(*digest));
}

Result<Document> Repository::manifest(const std::string& reference, const std::optional<Digest>& expected) {
    const std::string what =
        fmt::format("manifest '{}{}{}'", path_, reference.find(':') == std::string::npos ? ":" : "@", reference);
    const HttpOutcome outcome = ask_manifest("GET", reference);
    if (outcome.fault == Fault::too_large)
        return error(Errc::invalid, "registry '{}': {} is larger than {} bytes", connection_.endpoint().registry, what,
                     manifest_limit);
    if (outcome.error) return fault_error(outcome, connection_.endpoint());
    if (outcome.response.status != 200) return status_error(outcome.response, connection_.endpoint(), what);

    const std::string& text = outcome.response.body;
    std::optional<Digest> wanted = expected;
    if (!wanted) {
        // What the registry itself calls it, so that damage on the way is found.
        if (auto said = Digest::parse(outcome.response.header("docker-content-digest")); said.ok()) wanted = std::move(*said);
    }
    const Digest digest = digest_of(text, wanted ? wanted->algorithm() : "sha256");
    if (wanted && digest != *wanted)
        return error(Errc::corrupt, "registry '{}': {} has digest '{}' instead of '{}'", connection_.endpoint().registry, what,
                     digest.str(), wanted->str());
    std::string type = TRY_CONTEXT(media_type_of(text, outcome.response.header("content-type")), "registry '{}'",
                                   connection_.endpoint().registry);
    return Document{digest, std::move(type), text};
}

Result<std::vector<std::string>> Repository::tags() {
    constexpr std::size_t most = 10000;
    const std::string what = fmt::format("tags of '{}'", path_), &name = connection_.endpoint().registry;
    std::vector<std::string> all;
    for (std::string from = "?n=1000";;) {
        const HttpOutcome outcome = ask({"GET", path_ + "/tags/list" + from, scope_});
        if (outcome.error) return fault_error(outcome, connection_.endpoint());
        if (outcome.response.status != 200) return status_error(outcome.response, connection_.endpoint(), what);
        const auto answer = TRY_CONTEXT(detail::parse_object(outcome.response.body, what), "registry '{}'", name);
        const auto page = TRY_CONTEXT(detail::strings_member(answer, "tags", what), "registry '{}'", name);
        all.insert(all.end(), page.begin(), page.end());
        if (all.size() > most) return error(Errc::invalid, "registry '{}': '{}' has more than {} tags", name, path_, most);
        // A further page is announced by a link; where it begins is known without it.
        if (page.empty() || outcome.response.header("link").find("rel=\"next\"") == std::string::npos) return all;
        from = fmt::format("?n=1000&last={}", escape(page.back()));
    }
}

Result<std::string> Repository::blob_text(const Descriptor& descriptor) {
    const std::string what = fmt::format("blob '{}'", descriptor.digest.str());
    const std::string& name = connection_.endpoint().registry;
    if (descriptor.size > config_limit)
        return error(Errc::invalid, "registry '{}': {} is larger than {} bytes", name, what, config_limit);
    ApiRequest request{"GET", blob_path(descriptor.digest), scope_};
    request.body_limit = descriptor.size;
    const HttpOutcome outcome = ask(request);
    if (outcome.fault == Fault::too_large)
        return error(Errc::corrupt, "registry '{}': {} is larger than the {} bytes that the manifest says", name, what,
                     descriptor.size);
    if (outcome.error) return fault_error(outcome, connection_.endpoint());
    if (outcome.response.status != 200) return status_error(outcome.response, connection_.endpoint(), what);
    if (outcome.response.body.size() != descriptor.size)
        return error(Errc::corrupt, "registry '{}': {} has {} bytes, the manifest says {}", name, what,
                     outcome.response.body.size(), descriptor.size);
    const Digest digest = digest_of(outcome.response.body, descriptor.digest.algorithm());
    if (digest != descriptor.digest) return error(Errc::corrupt, "registry '{}': {} has digest '{}'", name, what, digest.str());
    return outcome.response.body;
}

Result<bool> Repository::keeps_signatures() {
    const HttpOutcome outcome = ask({"GET", "", scope_});
    if (outcome.error) return fault_error(outcome, connection_.endpoint());
    return outcome.response.header("x-registry-supports-signatures") == "1";
}

HttpOutcome Repository::extension(const std::string& name) {
    ApiRequest request{"GET", path_ + "/" + name, scope_};
    request.extension = true;
    return ask(request);
}

}  // namespace gantry::image::registry
