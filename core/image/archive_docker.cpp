// Archives of `docker save` before version 25, and what skopeo and podman write as docker-archive: manifest.json names a
// configuration and layers by path. They have no manifest and no digests of layers; an OCI manifest is made for them.
#include "image/archive_load.hpp"
#include "image/decompress.hpp"
#include "image/hasher.hpp"
#include "image/ingest.hpp"
#include "image/json.hpp"
#include "image/media_types.hpp"

namespace gantry::image {

namespace {

Result<Descriptor> describe_layer(const ArchiveTree& tree, const std::string& name, const Digest& diff_id) {
    const ArchiveTree::Member member = TRY(tree.member(name));
    FileSource source = member.from(0);
    const Compression compression = compression_of(TRY(source.peek()));
    // A plain layer's digest is its diff ID, which the configuration promises and the ingest checks.
    if (compression == Compression::none) return Descriptor{layer_type(compression), diff_id, member.size, {}};
    Hasher hasher;
    for (;;) {
        const std::string_view piece = TRY(source.peek());
        if (piece.empty()) return Descriptor{layer_type(compression), hasher.finish(), member.size, {}};
        hasher.update(piece);
        source.consume(piece.size());
    }
}

Json descriptor_json(const Descriptor& descriptor) {
    return {{"mediaType", descriptor.media_type}, {"digest", descriptor.digest.str()}, {"size", descriptor.size}};
}

Result<> load_image(Loading& loading, const Json& entry) {
    constexpr const char* what = "manifest.json";
    if (!entry.is_object()) return error(Errc::invalid, "{}: not a list of objects", what);
    const std::string config_name = TRY(detail::string_member(entry, "Config", what));
    const std::vector<std::string> layers = TRY(detail::strings_member(entry, "Layers", what));
    const std::vector<std::string> tags = TRY(detail::strings_member(entry, "RepoTags", what));

    std::vector<ImageRef> names;
    for (const std::string& tag : tags) names.push_back(TRY_CONTEXT(ImageRef::parse(tag), "{}: RepoTags", what).normalized());

    const std::string config_text = TRY(loading.tree.text(config_name));
    const ImageConfig config = TRY(parse_image_config(config_text));
    const Digest config_digest = digest_of(config_text);
    if (layers.size() != config.diff_ids.size())
        return error(Errc::invalid, "{}: {} layers, but the configuration has {}", what, layers.size(), config.diff_ids.size());

    Manifest manifest{oci_manifest_type, {oci_config_type, config_digest, config_text.size(), {}}, {}, {}};
    Json layer_list = Json::array();
    for (std::size_t at = 0; at < layers.size(); ++at) {
        manifest.layers.push_back(TRY(describe_layer(loading.tree, layers[at], config.diff_ids[at])));
        layer_list.push_back(descriptor_json(manifest.layers.back()));
    }
    TRY(load_layers(loading, manifest, config, layers));
    TRY(put_blob(loading.store, config_digest, config_text));
    const std::string text = dump_json(Json{{"schemaVersion", 2},
                                            {"mediaType", manifest.media_type},
                                            {"config", descriptor_json(manifest.config)},
                                            {"layers", std::move(layer_list)}});
    TRY(put_blob(loading.store, digest_of(text), text));
    return load_names(loading, digest_of(text), names);
}

}  // namespace

Result<> load_docker(Loading& loading) {
    const std::string text = TRY(loading.tree.text("manifest.json"));
    // parse_object bounds depth and size; the list is wrapped to be one.
    const Json root = TRY(detail::parse_object("{\"images\":" + text + "}", "manifest.json"));
    const Json* images = TRY(detail::array_member(root, "images", "manifest.json"));
    if (!images || images->empty()) return error(Errc::invalid, "manifest.json: no images");
    for (const Json& entry : *images) TRY(load_image(loading, entry));
    return {};
}

}  // namespace gantry::image
