// Names onto manifests.
#include "image/collect.hpp"
#include "image/store_impl.hpp"

#include <sys/stat.h>

namespace gantry::image {

namespace {

// Under the index lock nothing named can go away any more, and a transfer's hold keeps the rest.
Result<> check_complete(const Store& store, const Manifest& manifest, const ImageConfig& config) {
    if (manifest.layers.size() != config.diff_ids.size())
        return error(Errc::invalid, "the manifest has {} layers, the configuration {}", manifest.layers.size(),
                     config.diff_ids.size());
    for (const Descriptor& layer : manifest.layers) {
        struct stat info {};
        if (stat(store.blob_path(layer.digest).c_str(), &info) != 0) return errno_error("blob '{}'", layer.digest.str());
        if (static_cast<std::uint64_t>(info.st_size) != layer.size)
            return error(Errc::corrupt, "blob '{}' has {} bytes instead of {}", layer.digest.str(), info.st_size, layer.size);
    }
    for (const driver::LayerKey& key : store.layer_keys(config))
        if (!TRY(store.storage().layer_exists(key))) return error(Errc::corrupt, "layer '{}' is missing", key.substr(0, 12));
    return {};
}

void name_record(Index& index, IndexRecord& record, const std::string& name) {
    if (std::ranges::find(record.names, name) != record.names.end()) return;
    index.drop_name(name);
    record.names.push_back(name);
}

Result<std::string> name_to_store(const ImageRef& name) {
    ImageRef plain = name.normalized();
    plain.digest.reset();
    if (plain.tag.empty()) return error(Errc::invalid, "'{}' is not a name with a tag", name.str());
    return plain.str();
}

}  // namespace

Result<Image> Store::add(const Digest& digest, const std::optional<ImageRef>& name,
                         const std::optional<std::string>& digest_name) {
    const os::Fd held = TRY(hold());
    const os::Fd lock = TRY(impl_->lock_index());
    const std::string text = TRY(blob_text(digest));
    const Manifest parsed = TRY(parse_manifest(text));
    Image image{parsed.config.digest, digest, {}, {}, 0, {}};
    const ImageConfig parsed_config = TRY(config(image));
    TRY_CONTEXT(check_complete(*this, parsed, parsed_config), "image '{}'", image.id.hex().substr(0, 12));
    for (const driver::LayerKey& key : layer_keys(parsed_config)) image.size += impl_->storage->layer_size(key).value_or(0);
    TRY(impl_->sync_blobs());

    Index index = TRY(read_index(impl_->folder));
    const std::string before = index_text(index);
    if (!index.find(digest)) index.records.push_back({parsed.media_type, digest, text.size(), {}, {}, {}, {}});
    IndexRecord& record = *index.find(digest);
    record.annotations[id_annotation] = image.id.str();
    record.annotations[size_annotation] = std::to_string(image.size);
    record.annotations[created_annotation] = parsed_config.created;
    if (name) name_record(index, record, TRY(name_to_store(*name)));
    if (digest_name && std::ranges::find(record.digests, *digest_name) == record.digests.end())
        record.digests.push_back(*digest_name);
    if (index_text(index) != before) TRY(write_index(impl_->folder, index));
    image = *image_of(*this, record);
    mark_used(*this, image);
    return image;
}

Result<> Store::tag(const Image& image, const ImageRef& name) {
    const std::string wanted = TRY(name_to_store(name));
    const os::Fd lock = TRY(impl_->lock_index());
    Index index = TRY(read_index(impl_->folder));
    IndexRecord* record = index.find(image.manifest);
    if (!record) {
        // The entry of an index (another tool's) names the image by the index' digest.
        for (IndexRecord& candidate : index.records)
            if (const auto other = image_of(*this, candidate); other && other->id == image.id) record = &candidate;
    }
    if (!record) return error(Errc::not_found, "no such image '{}'", image.id.hex().substr(0, 12));
    if (std::ranges::find(record->names, wanted) != record->names.end()) return {};
    name_record(index, *record, wanted);
    return write_index(impl_->folder, index);
}

}  // namespace gantry::image
