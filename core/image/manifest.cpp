#include "image/json.hpp"
#include "image/media_types.hpp"
#include "image/store.hpp"

namespace gantry::image {

namespace {

constexpr std::size_t layer_limit = 512;  // overlayfs stacks at most 500 (fs/overlayfs: OVL_MAX_STACK), Docker 127

Result<Descriptor> parse_descriptor(const Json& object, std::string_view what) {
    if (!object.is_object()) return error(Errc::invalid, "{}: not an object", what);
    std::string media_type = TRY(detail::string_member(object, "mediaType", what));
    const Digest digest = TRY(detail::digest_member(object, "digest", what));
    Descriptor descriptor{std::move(media_type), digest, 0, {}};
    descriptor.urls = TRY(detail::strings_member(object, "urls", what));
    descriptor.annotations = TRY(detail::map_member(object, "annotations", what));
    descriptor.size = TRY(detail::size_member(object, "size", what));
    return descriptor;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view json) {
    const Json root = TRY(detail::parse_object(json, "manifest"));
    const std::int64_t version = TRY(detail::integer_member(root, "schemaVersion", "manifest"));
    if (version == 1) return error(Errc::unsupported, "manifest: Docker's schema 1 is not supported");
    if (version != 2) return error(Errc::invalid, "manifest: member 'schemaVersion' is {}, not 2", version);
    if (root.contains("manifests")) return error(Errc::invalid, "manifest: is an index of several manifests");

    const Json* config = TRY(detail::object_member(root, "config", "manifest"));
    if (!config) return error(Errc::invalid, "manifest: member 'config' is missing");
    const Json* layers = TRY(detail::array_member(root, "layers", "manifest"));
    if (!layers) return error(Errc::invalid, "manifest: member 'layers' is missing");
    if (layers->size() > layer_limit) return error(Errc::invalid, "manifest: more than {} layers", layer_limit);

    std::string media_type = TRY(detail::string_member(root, "mediaType", "manifest"));
    Descriptor config_descriptor = TRY(parse_descriptor(*config, "manifest: config"));
    auto annotations = TRY(detail::map_member(root, "annotations", "manifest"));
    Manifest manifest{std::move(media_type), std::move(config_descriptor), {}, std::move(annotations)};
    if (manifest.media_type.empty()) manifest.media_type = oci_manifest_type;
    for (std::size_t at = 0; at < layers->size(); ++at)
        manifest.layers.push_back(TRY(parse_descriptor((*layers)[at], fmt::format("manifest: layer {}", at + 1))));
    return manifest;
}

}  // namespace gantry::image
