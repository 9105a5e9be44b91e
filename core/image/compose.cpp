#include "image/compose.hpp"

#include "image/blob_maker.hpp"
#include "image/compose_walk.hpp"
#include "image/image_text.hpp"
#include "image/inflated_source.hpp"
#include "image/ingest.hpp"
#include "image/references.hpp"
#include "image/store_impl.hpp"

namespace gantry::image {

namespace {

driver::LayerKey key_of(Store& store, const driver::LayerKey& parent, const Digest& diff_id) {
    if (store.storage().layer_format() == driver::LayerFormat::overlay || parent.empty()) return std::string(diff_id.hex());
    return std::string(digest_of(fmt::format("sha256:{} {}", parent, diff_id.str())).hex());
}

// The blob is whole: the layer is what it unpacks to.
Result<std::uint64_t> unpack_blob(Store& store, const BlobMaker::Made& made, const driver::LayerKey& key,
                                  const driver::LayerKey& parent) {
    auto begun = LayerIngest::begin(store, made.blob, made.diff_id, key, parent);
    if (begun.ok())
        TRY((*begun)->finish());
    else if (begun.error().code() != Errc::exists)
        return std::move(begun).error();
    return store.storage().layer_size(key);
}

struct Written {
    BlobMaker::Made made;
    std::uint64_t bytes = 0;
    bool empty = true;
};

Result<Written> write_changes(Store& store, const std::optional<driver::WritableFiles>& files, const LayerOptions& options) {
    const auto maker = TRY(BlobMaker::begin(store, options.compression));
    LayerTar tar([&](std::string_view piece) { return maker->write(piece); });
    std::uint64_t bytes = 0;
    bool empty = true;
    if (files) {
        ChangeWalk walk(*files, tar, options);
        TRY(walk.run());
        bytes = walk.bytes();
        empty = walk.empty();
    }
    TRY(tar.end());
    if (options.read_done) options.read_done();
    return Written{TRY(maker->finish(!empty || !options.skip_empty)), bytes, empty};
}

Result<std::optional<driver::WritableFiles>> open_changes(Store& store, const std::string& container,
                                                          const std::vector<driver::LayerKey>& below) {
    auto files = store.storage().writable_files(container, below);
    if (files.ok()) return std::optional(std::move(files).value());
    if (files.error().code() == Errc::not_found && !TRY(store.storage().status(container)).exists)
        return std::optional<driver::WritableFiles>();
    return std::move(files).error();
}

// Its files are in the layer's form already; a driver that cannot take them over gets them unpacked.
Result<std::uint64_t> consume(Store& store, const std::string& container, const Written& written, const driver::LayerKey& key,
                              const driver::LayerKey& parent) {
    auto adopted = store.storage().layer_adopt(container, key, written.bytes);
    if (adopted.ok()) return store.storage().layer_size(key);
    if (adopted.error().code() != Errc::unsupported) return std::move(adopted).error();
    const std::uint64_t size = TRY(unpack_blob(store, written.made, key, parent));
    TRY(store.storage().teardown(container));
    return size;
}

// The source's bytes, inflated, into the maker.
Result<> copy_plain(ByteSource& source, BlobMaker& maker, const std::atomic<bool>* cancel) {
    InflatedSource plain(source);
    for (std::string_view piece = TRY(plain.peek()); !piece.empty(); piece = TRY(plain.peek())) {
        if (cancel && *cancel) return error(Errc::cancelled, "the layer was given up");
        TRY(maker.write(piece));
        plain.consume(piece.size());
    }
    return plain.end();
}

}  // namespace

Result<NewLayer> layer_of_changes(Store& store, const std::string& container, const std::vector<driver::LayerKey>& below,
                                  const LayerOptions& options) {
    const std::optional<driver::WritableFiles> files = TRY(open_changes(store, container, below));
    const Written written = TRY(write_changes(store, files, options));
    if (written.empty && options.skip_empty) {
        if (options.consume) TRY(store.storage().teardown(container));
        return NewLayer{written.made.blob, written.made.diff_id, 0, true};
    }
    const driver::LayerKey parent = below.empty() ? driver::LayerKey() : below.back();
    const driver::LayerKey key = key_of(store, parent, written.made.diff_id);
    auto size = options.consume && files ? consume(store, container, written, key, parent)
                                         : unpack_blob(store, written.made, key, parent);
    if (!size.ok()) {
        forget_blob(store, written.made);
        return std::move(size).error();
    }
    return NewLayer{written.made.blob, written.made.diff_id, *size, written.empty};
}

Result<NewLayer> layer_of_tar(Store& store, ByteSource& source, const driver::LayerKey& parent, const LayerOptions& options) {
    auto maker = TRY(BlobMaker::begin(store, options.compression));
    TRY(copy_plain(source, *maker, options.cancel));
    const BlobMaker::Made made = TRY(maker->finish());
    auto size = unpack_blob(store, made, key_of(store, parent, made.diff_id), parent);
    if (!size.ok()) {
        forget_blob(store, made);
        return std::move(size).error();
    }
    return NewLayer{made.blob, made.diff_id, *size, false};
}

void take_back(Store& store, const NewLayer& layer, const ImageConfig& config, const std::vector<Descriptor>& layers) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(store.impl().lock_index());
        const Index index = TRY(read_index(store.impl().folder));
        const References needed = references_of(store, index);
        Sweep sweep = TRY(Sweep::begin(store, needed));
        const std::string text = image_config_text(config);
        const Descriptor described{oci_config_type, digest_of(text), text.size(), {}};
        sweep.remove_blob(digest_of(manifest_text(image_manifest(described, layers))));
        sweep.remove_blob(described.digest);
        sweep.remove_blob(layer.blob.digest);
        const auto keys = store.layer_keys(config);
        if (!keys.empty() && !layer.empty) sweep.remove_layer(keys.back());
        return sweep.result();
    };
    [[maybe_unused]] const auto done = all();  // what made it come to nothing is the error to tell
}

}  // namespace gantry::image
