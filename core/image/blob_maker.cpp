#include "image/blob_maker.hpp"

#include "image/media_types.hpp"

#include <unistd.h>

namespace gantry::image {

Result<std::unique_ptr<BlobMaker>> BlobMaker::begin(Store& store, Compression compression) {
    std::unique_ptr<BlobMaker> maker(new BlobMaker(store, compression, TRY_CONTEXT(PartialBlob::begin(store), "make a layer")));
    BlobMaker& self = *maker;
    self.compressor_ = TRY_CONTEXT(
        make_compressor(compression, 0, [&self](std::string_view packed) { return self.blob_.write(packed); }), "make a layer");
    return maker;
}

Result<> BlobMaker::write(std::string_view plain) {
    plain_.update(plain);
    return compressor_->write(plain);
}

Result<BlobMaker::Made> BlobMaker::finish(bool keep) {
    TRY(compressor_->end());
    const Digest digest = blob_.seal();
    Made made{{layer_type(compression_), digest, blob_.size(), {}}, plain_.finish(), !store_.has_blob(digest)};
    if (keep) TRY(blob_.finish(digest));
    return made;
}

void forget_blob(Store& store, const BlobMaker::Made& made) {
    if (made.is_new) unlink(store.blob_path(made.blob.digest).c_str());
}

}  // namespace gantry::image
