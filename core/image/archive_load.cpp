#include "image/archive_load.hpp"

#include "image/hasher.hpp"
#include "image/index.hpp"
#include "image/ingest.hpp"
#include "image/json.hpp"
#include "image/store_impl.hpp"

#include <filesystem>

namespace gantry::image {

namespace {

std::string blob_member(const Digest& digest) { return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex()); }

Result<std::string> read_blob(const ArchiveTree& tree, const Digest& digest) {
    std::string text = TRY(tree.text(blob_member(digest)));
    if (digest_of(text, digest.algorithm()) != digest)
        return error(Errc::corrupt, "'{}' has other content than its name says", digest.str());
    return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "latest", "1.36", "v2": what a tool wrote that knows the image by its folder.
bool is_tag(std::string_view word) {
    return word == "latest" || (!word.empty() && is_digit(word[0])) || (word.size() > 1 && word[0] == 'v' && is_digit(word[1]));
}

// The last component of a folder's path, for the name of what is in it; nothing for an archive.
std::string folder_name(const std::string& source) {
    std::error_code failure;
    const auto path = std::filesystem::canonical(source, failure);
    return failure || source == "-" || !std::filesystem::is_directory(path, failure) ? "" : path.filename().string();
}

// docker save writes only tags into index.json where images have names that its manifest.json tells in full.
std::vector<std::string> docker_names(const ArchiveTree& tree, const Digest& config) {
    const auto text = tree.text("manifest.json");
    if (!text.ok()) return {};
    const auto list = parse_json(*text);
    if (!list.is_array()) return {};
    for (const Json& entry : list) {
        if (!entry.is_object()) continue;
        if (detail::string_member(entry, "Config", "manifest.json").value_or("").find(config.hex()) == std::string::npos)
            continue;
        return detail::strings_member(entry, "RepoTags", "manifest.json").value_or({});
    }
    return {};
}

Result<> feed_layer(Loading& loading, LayerIngest& ingest, const ArchiveTree::Member& member, const Descriptor& blob) {
    FileSource source = member.from(ingest.offset());
    std::uint64_t done = ingest.offset();
    for (;;) {
        if (loading.cancel && *loading.cancel) return error(Errc::cancelled, "cancelled");
        const std::string_view piece = TRY(source.peek());
        if (piece.empty()) return ingest.finish();
        TRY(ingest.write(piece));
        done += piece.size();
        source.consume(piece.size());
        if (loading.progress)
            loading.progress({std::string(blob.digest.hex().substr(0, 12)), "Loading layer", done, blob.size});
    }
}

Result<> load_layer(Loading& loading, const Descriptor& blob, const Digest& diff_id, const driver::LayerKey& key,
                    const driver::LayerKey& parent, const std::string& name) {
    auto begun = LayerIngest::begin(loading.store, blob, diff_id, key, parent);
    if (!begun.ok() && begun.error().code() == Errc::exists) return {};
    const auto ingest = TRY(std::move(begun));
    const ArchiveTree::Member member = TRY(loading.tree.member(name));
    if (member.size != blob.size) return error(Errc::corrupt, "'{}' has {} bytes instead of {}", name, member.size, blob.size);
    const std::uint64_t kept = ingest->offset();
    auto fed = feed_layer(loading, *ingest, member, blob);
    if (!fed.ok() && kept > 0 && (fed.error().code() == Errc::corrupt || fed.error().code() == Errc::invalid)) {
        TRY(ingest->restart());  // what an earlier transfer left was bad
        fed = feed_layer(loading, *ingest, member, blob);
    }
    return fed;
}

}  // namespace

std::optional<ImageRef> archive_name(const std::string& text, const std::string& folder) {
    const bool word = text.find_first_of("/:@") == std::string::npos;
    if (word && is_tag(text) && folder.empty()) return std::nullopt;
    const std::string local = is_tag(text) ? folder + ":" + text : text;
    const auto ref = ImageRef::parse(word ? "localhost/" + local : text);
    if (!ref.ok()) return std::nullopt;
    ImageRef name = ref->normalized();
    name.digest.reset();
    if (name.tag.empty()) return std::nullopt;
    return name;
}

Result<> load_layers(Loading& loading, const Manifest& manifest, const ImageConfig& config,
                     const std::vector<std::string>& members) {
    if (manifest.layers.size() != config.diff_ids.size() || members.size() != config.diff_ids.size())
        return error(Errc::invalid, "the manifest has {} layers, the configuration {}", manifest.layers.size(),
                     config.diff_ids.size());
    const auto keys = loading.store.layer_keys(config);
    for (std::size_t at = 0; at < keys.size(); ++at)
        TRY(load_layer(loading, manifest.layers[at], config.diff_ids[at], keys[at], at ? keys[at - 1] : "", members[at]));
    return {};
}

Result<> load_names(Loading& loading, const Digest& manifest, const std::vector<ImageRef>& names) {
    if (names.empty()) {
        const Image image = TRY(loading.store.add(manifest, std::nullopt, std::nullopt));
        loading.loaded.push_back(image.id.str());
    }
    for (const ImageRef& name : names) {
        TRY(loading.store.add(manifest, name, std::nullopt));
        loading.loaded.push_back(name.familiar());
    }
    return {};
}

namespace {

// Everything of it but its names. The manifest may be one of an index' manifests.
struct LoadedManifest {
    Digest digest;
    Manifest manifest;
};
Result<LoadedManifest> load_oci_manifest(Loading& loading, const IndexRecord& record) {
    Digest digest = record.digest;
    std::string text = TRY(read_blob(loading.tree, digest));
    // An index (of platforms, or docker's of image and attestation): go down to this host's manifest.
    for (int depth = 0; !parse_manifest(text).ok(); ++depth) {
        const auto chosen = choose_platform(text, Platform::host());
        if (!chosen && parse_index(text).ok() && text.find("\"manifests\"") != std::string::npos)
            return error(Errc::not_found, "the archive has no image for {}", Platform::host().str());
        if (!chosen) return parse_manifest(text).error();
        if (depth > 4) return error(Errc::invalid, "index '{}' is nested too deep", record.digest.str());
        digest = *chosen;
        text = TRY(read_blob(loading.tree, digest));
    }
    TRY(put_blob(loading.store, digest, text));
    Manifest manifest = TRY(parse_manifest(text));
    const std::string config_text = TRY(loading.tree.text(blob_member(manifest.config.digest)));
    TRY(put_blob(loading.store, manifest.config.digest, config_text));
    const ImageConfig config = TRY(parse_image_config(config_text));
    std::vector<std::string> members;
    for (const Descriptor& layer : manifest.layers) members.push_back(blob_member(layer.digest));
    TRY(load_layers(loading, manifest, config, members));
    return LoadedManifest{std::move(digest), std::move(manifest)};
}

Result<> load_oci_image(Loading& loading, const IndexRecord& record) {
    const auto [digest, manifest] = TRY(load_oci_manifest(loading, record));
    std::vector<std::string> texts = docker_names(loading.tree, manifest.config.digest);
    if (texts.empty()) texts = record.names;
    std::vector<ImageRef> names;
    for (const std::string& name : texts)
        if (auto ref = archive_name(name, loading.folder)) names.push_back(std::move(*ref));
    return load_names(loading, digest, names);
}

}  // namespace

Result<> load_oci(Loading& loading) {
    const std::string text = TRY(loading.tree.text("index.json"));
    const Index index = TRY(parse_index(text));
    if (index.records.empty()) return error(Errc::invalid, "the archive has no images");
    for (const IndexRecord& record : index.records) TRY(load_oci_image(loading, record));
    return {};
}

namespace {

Result<std::vector<std::string>> load_tree(Loading& loading) {
    if (loading.tree.has("oci-layout") && loading.tree.has("index.json"))
        TRY(load_oci(loading));
    else if (loading.tree.has("manifest.json"))
        TRY(load_docker(loading));
    else
        return error(Errc::invalid, "neither an OCI layout nor an archive of docker save");
    return std::move(loading.loaded);
}

}  // namespace

Result<std::vector<std::string>> load(Store& store, const std::string& source, const ProgressFn& progress) {
    const os::Fd held = TRY(store.hold());
    const ArchiveTree tree = TRY_CONTEXT(ArchiveTree::open(store, source), "load");
    Loading loading{store, tree, progress, folder_name(source), {}};
    return load_tree(loading).context(fmt::format("load '{}'", source));
}

Result<std::vector<std::string>> load(Store& store, int archive, const ProgressFn& progress, const std::atomic<bool>* cancel) {
    const os::Fd held = TRY(store.hold());
    const ArchiveTree tree = TRY_CONTEXT(ArchiveTree::open_stream(store, archive, cancel), "load");
    Loading loading{store, tree, progress, "", {}, cancel};
    return load_tree(loading).context("load");
}

Result<Image> load_from_layout(Store& store, const std::string& folder, const std::string& reference,
                               const std::atomic<bool>* cancel) {
    const std::size_t at = std::min(reference.find('@'), reference.size());
    const std::string tag = reference.starts_with(':') ? reference.substr(1, at - 1) : "";
    if (tag.empty() && at != 0) return error(Errc::invalid, "'{}' is neither a tag nor a digest", reference);
    std::optional<Digest> digest;
    if (at < reference.size()) digest = TRY(Digest::parse(reference.substr(at + 1)));
    const os::Fd held = TRY(store.hold());
    const ArchiveTree tree = TRY(ArchiveTree::open(store, folder));
    const ProgressFn none;
    Loading loading{store, tree, none, "", {}, cancel};
    const Index index = TRY(parse_index(TRY(tree.text("index.json"))));
    const IndexRecord* found = nullptr;
    for (const IndexRecord& record : index.records) {
        if (digest && record.digest != *digest) continue;
        if (!tag.empty() && std::ranges::find(record.names, tag) == record.names.end()) continue;
        if (found) return error(Errc::invalid, "the layout has several images: one is meant by its tag or digest");
        found = &record;
    }
    if (!found) return error(Errc::not_found, "the layout has no image '{}'", reference);
    return store.add(TRY(load_oci_manifest(loading, *found)).digest, std::nullopt, std::nullopt);
}

}  // namespace gantry::image
