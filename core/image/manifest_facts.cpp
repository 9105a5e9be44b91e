#include "image/manifest_facts.hpp"

#include "image/index.hpp"
#include "image/json.hpp"
#include "image/media_types.hpp"
#include "image/store_impl.hpp"

namespace gantry::image {

namespace {

constexpr const char* what = "manifest";

// content_type may have parameters ("; charset=utf-8").
std::string_view plain_type(std::string_view content_type) {
    content_type = content_type.substr(0, content_type.find(';'));
    while (content_type.ends_with(' ')) content_type.remove_suffix(1);
    return content_type;
}

Result<std::string> type_of(const Json& root, std::string_view sent) {
    const std::string own = TRY(detail::string_member(root, "mediaType", what));
    if (!own.empty() && !sent.empty() && own != sent)
        return error(Errc::invalid, "manifest: is '{}' but was sent as '{}'", own, sent);
    std::string type = !own.empty() ? own : std::string(sent);
    if (type.empty()) type = root.contains("manifests") ? oci_index_type : oci_manifest_type;
    if (!is_manifest_type(type) && !is_index_type(type))
        return error(Errc::invalid, "manifest: media type '{}' is not one of a manifest", type);
    return type;
}

Result<std::optional<Digest>> subject_of(const Json& root) {
    const Json* subject = TRY(detail::object_member(root, "subject", what));
    if (!subject) return std::optional<Digest>();
    return std::optional(TRY(detail::digest_member(*subject, "digest", "manifest: subject")));
}

Result<> take_index(std::string_view json, const Json& root, ManifestFacts& facts) {
    if (!root.contains("manifests")) return error(Errc::invalid, "manifest: an index without the member 'manifests'");
    if (root.contains("layers") || root.contains("config") || root.contains("fsLayers"))
        return error(Errc::invalid, "manifest: is an index and an image at once");
    for (IndexRecord& record : TRY(parse_index(json)).records)
        facts.manifests.push_back({std::move(record.media_type), record.digest, record.size, {}});
    return {};
}

Result<> take_manifest(std::string_view json, ManifestFacts& facts) {
    Manifest manifest = TRY(parse_manifest(json));
    if (facts.artifact_type.empty()) facts.artifact_type = manifest.config.media_type;
    facts.blobs.push_back(std::move(manifest.config));
    for (Descriptor& layer : manifest.layers) facts.blobs.push_back(std::move(layer));
    for (Descriptor& blob : facts.blobs) blob.annotations.clear();  // facts are remembered, these are not asked for
    return {};
}

}  // namespace

Result<ManifestFacts> manifest_facts(std::string_view json, std::string_view content_type) {
    const Json root = TRY(detail::parse_object(json, what));
    ManifestFacts facts;
    facts.media_type = TRY(type_of(root, plain_type(content_type)));
    facts.subject = TRY(subject_of(root));
    facts.artifact_type = TRY(detail::string_member(root, "artifactType", what));
    facts.annotations = TRY(detail::map_member(root, "annotations", what));
    if (is_index_type(facts.media_type))
        TRY(take_index(json, root, facts));
    else
        TRY(take_manifest(json, facts));
    return facts;
}

}  // namespace gantry::image
