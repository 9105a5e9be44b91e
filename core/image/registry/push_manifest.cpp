#include "image/registry/push_manifest.hpp"

#include "image/json.hpp"
#include "image/media_types.hpp"
#include "image/registry/chunked_writer.hpp"

namespace gantry::image::registry {

namespace {

constexpr std::array chunked_annotations{chunked_checksum_annotation, chunked_position_annotation, chunked_tarsplit_annotation,
                                         old_chunked_checksum_annotation, old_chunked_position_annotation};

void replace(Json& layer, const ReplacedLayer& replaced, bool docker) {
    const bool gzip = replaced.encoding == LayerEncoding::gzip;
    layer["digest"] = replaced.variant.digest.str();
    layer["size"] = replaced.variant.size;
    layer["mediaType"] = docker ? docker_gzip_layer_type : layer_type(gzip ? Compression::gzip : Compression::zstd);
    Json annotations = layer.value("annotations", Json::object());
    if (!annotations.is_object()) annotations = Json::object();
    for (const char* key : chunked_annotations) annotations.erase(key);
    for (const auto& [key, value] : replaced.variant.annotations) annotations[key] = value;
    layer.erase("annotations");
    if (!annotations.empty()) layer["annotations"] = std::move(annotations);
}

// The same layer, as OCI calls it.
void rename_docker_layer(Json& layer) {
    const auto type = layer.value("mediaType", Json());
    if (!type.is_string()) return;
    layer["mediaType"] = oci_layer_type(type.get<std::string>());
}

}  // namespace

Result<OutgoingManifest> replace_layers(std::string_view text, const std::vector<std::optional<ReplacedLayer>>& replaced) {
    Json root = TRY(detail::parse_object(text, "manifest"));
    std::string type = TRY(detail::string_member(root, "mediaType", "manifest"));
    if (type.empty()) type = oci_manifest_type;
    const bool any = std::ranges::any_of(replaced, [](const auto& layer) { return layer.has_value(); });
    if (!any) return OutgoingManifest{std::string(text), type};

    const bool zstd =
        std::ranges::any_of(replaced, [](const auto& layer) { return layer && layer->encoding != LayerEncoding::gzip; });
    const bool converts = type == docker_manifest_type && zstd;
    Json& layers = root["layers"];
    for (std::size_t at = 0; at < replaced.size(); ++at) {
        if (converts) rename_docker_layer(layers[at]);
        if (replaced[at]) replace(layers[at], *replaced[at], type == docker_manifest_type && !zstd);
    }
    if (converts) {
        type = oci_manifest_type;
        root["mediaType"] = type;
        root["config"]["mediaType"] = oci_config_type;
    }
    return OutgoingManifest{dump_json(root), type};
}

}  // namespace gantry::image::registry
